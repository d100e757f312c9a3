-- table: capture
-- holds: (SELECT count(*) = 2 FROM pg_trigger WHERE tgrelid = to_regclass('{capture}') AND tgname IN ('thumbedge_notify', 'thumbedge_truncate') AND tgenabled IN ('O', 'A') AND tgfoid = to_regprocedure('thumbedge.notify()'))
-- New captures are not told of: nobody has an answer about them yet.
DROP TRIGGER IF EXISTS thumbedge_notify ON {capture};
DROP TRIGGER IF EXISTS thumbedge_truncate ON {capture};
CREATE TRIGGER thumbedge_notify AFTER UPDATE OR DELETE ON {capture}
    FOR EACH ROW EXECUTE FUNCTION thumbedge.notify('capture');
CREATE TRIGGER thumbedge_truncate AFTER TRUNCATE ON {capture}
    FOR EACH STATEMENT EXECUTE FUNCTION thumbedge.notify('capture');
