-- table:
DROP TABLE thumbedge.reconcile;
DROP TABLE thumbedge.file_to_delete;
DROP TABLE thumbedge.lease;
DROP TABLE thumbedge.migration;
DROP SCHEMA thumbedge;
