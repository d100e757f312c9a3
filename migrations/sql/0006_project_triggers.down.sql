-- table: project
DO $$
BEGIN
    IF to_regclass('{project}') IS NOT NULL THEN
        DROP TRIGGER IF EXISTS thumbedge_truncate ON {project};
        DROP TRIGGER IF EXISTS thumbedge_notify ON {project};
    END IF;
END $$;
