-- table: project
-- A project that turns draft or public changes the standing of all its captures.
CREATE TRIGGER thumbedge_notify AFTER UPDATE OR DELETE ON {project}
    FOR EACH ROW EXECUTE FUNCTION thumbedge.notify('project');
CREATE TRIGGER thumbedge_truncate AFTER TRUNCATE ON {project}
    FOR EACH STATEMENT EXECUTE FUNCTION thumbedge.notify('project');
