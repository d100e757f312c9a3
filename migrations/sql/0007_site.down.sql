-- table:
DROP TABLE IF EXISTS thumbedge.site;
