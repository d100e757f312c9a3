-- table: capture
-- New captures are not told of: nobody has an answer about them yet.
CREATE TRIGGER thumbedge_notify AFTER UPDATE OR DELETE ON {capture}
    FOR EACH ROW EXECUTE FUNCTION thumbedge.notify('capture');
CREATE TRIGGER thumbedge_truncate AFTER TRUNCATE ON {capture}
    FOR EACH STATEMENT EXECUTE FUNCTION thumbedge.notify('capture');
