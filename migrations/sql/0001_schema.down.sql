-- table:
DROP TABLE IF EXISTS thumbedge.reconcile;
DROP TABLE IF EXISTS thumbedge.file_to_delete;
DROP TABLE IF EXISTS thumbedge.lease;
DROP TABLE IF EXISTS thumbedge.migration;
DROP SCHEMA thumbedge;
