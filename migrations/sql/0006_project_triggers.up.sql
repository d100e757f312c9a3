-- table: project
-- holds: (SELECT count(*) = 2 FROM pg_trigger WHERE tgrelid = to_regclass('{project}') AND tgname IN ('thumbedge_notify', 'thumbedge_truncate') AND tgenabled IN ('O', 'A') AND tgfoid = to_regprocedure('thumbedge.notify()'))
-- A project that turns draft or public changes the standing of all its captures.
DROP TRIGGER IF EXISTS thumbedge_notify ON {project};
DROP TRIGGER IF EXISTS thumbedge_truncate ON {project};
CREATE TRIGGER thumbedge_notify AFTER UPDATE OR DELETE ON {project}
    FOR EACH ROW EXECUTE FUNCTION thumbedge.notify('project');
CREATE TRIGGER thumbedge_truncate AFTER TRUNCATE ON {project}
    FOR EACH STATEMENT EXECUTE FUNCTION thumbedge.notify('project');
