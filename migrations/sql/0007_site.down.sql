-- table:
DROP TABLE thumbedge.site;
