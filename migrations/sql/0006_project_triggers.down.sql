-- table: project
DROP TRIGGER thumbedge_truncate ON {project};
DROP TRIGGER thumbedge_notify ON {project};
