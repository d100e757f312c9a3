-- table: capture
DO $$
BEGIN
    IF obj_description(to_regclass('{thumbnail}'), 'pg_class') = 'made by thumbedge migrate' THEN
        DROP TABLE {thumbnail};
    END IF;
END $$;
