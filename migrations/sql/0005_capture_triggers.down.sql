-- table: capture
DROP TRIGGER thumbedge_truncate ON {capture};
DROP TRIGGER thumbedge_notify ON {capture};
