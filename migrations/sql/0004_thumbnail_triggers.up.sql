-- table: thumbnail
-- holds: (SELECT count(*) = 2 FROM pg_trigger WHERE tgrelid = to_regclass('{thumbnail}') AND tgname IN ('thumbedge_notify', 'thumbedge_truncate') AND tgenabled IN ('O', 'A') AND tgfoid = to_regprocedure('thumbedge.notify()'))
-- No column list and no WHEN: either would block the app's own ALTER COLUMN … TYPE.
DROP TRIGGER IF EXISTS thumbedge_notify ON {thumbnail};
DROP TRIGGER IF EXISTS thumbedge_truncate ON {thumbnail};
CREATE TRIGGER thumbedge_notify AFTER INSERT OR UPDATE OR DELETE ON {thumbnail}
    FOR EACH ROW EXECUTE FUNCTION thumbedge.notify('thumbnail');
CREATE TRIGGER thumbedge_truncate AFTER TRUNCATE ON {thumbnail}
    FOR EACH STATEMENT EXECUTE FUNCTION thumbedge.notify('thumbnail');
