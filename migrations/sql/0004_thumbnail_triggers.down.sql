-- table: thumbnail
DO $$
BEGIN
    IF to_regclass('{thumbnail}') IS NOT NULL THEN
        DROP TRIGGER IF EXISTS thumbedge_truncate ON {thumbnail};
        DROP TRIGGER IF EXISTS thumbedge_notify ON {thumbnail};
    END IF;
END $$;
