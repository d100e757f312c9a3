-- table: capture
DO $$
BEGIN
    IF to_regclass('{capture}') IS NOT NULL THEN
        DROP TRIGGER IF EXISTS thumbedge_truncate ON {capture};
        DROP TRIGGER IF EXISTS thumbedge_notify ON {capture};
    END IF;
END $$;
