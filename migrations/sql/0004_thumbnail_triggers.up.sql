-- table: thumbnail
-- No column list and no WHEN: either would block the app's own ALTER COLUMN … TYPE.
CREATE TRIGGER thumbedge_notify AFTER INSERT OR UPDATE OR DELETE ON {thumbnail}
    FOR EACH ROW EXECUTE FUNCTION thumbedge.notify('thumbnail');
CREATE TRIGGER thumbedge_truncate AFTER TRUNCATE ON {thumbnail}
    FOR EACH STATEMENT EXECUTE FUNCTION thumbedge.notify('thumbnail');
