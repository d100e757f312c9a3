-- table: thumbnail
DROP TRIGGER thumbedge_truncate ON {thumbnail};
DROP TRIGGER thumbedge_notify ON {thumbnail};
