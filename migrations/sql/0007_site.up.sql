-- table:
-- holds: to_regclass('thumbedge.site') IS NOT NULL
-- Which database and which storage belong together: the storage bears the same
-- identity, and the row says for which database it was made, so that a restored dump
-- does not speak for the original. Written by migrate up and reconcile --adopt.
CREATE TABLE IF NOT EXISTS thumbedge.site (
    storage text PRIMARY KEY, -- by the name of its table in the configuration
    identity text NOT NULL,
    system_identifier text, -- of the PostgreSQL cluster; null: the role may not read it
    database_name text NOT NULL,
    schema_name text NOT NULL, -- of the thumbnail table
    made_at timestamptz NOT NULL
);

-- Where an administrator migrates, the app's own role works with the result.
DO $$
DECLARE
    app name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('{capture}'));
BEGIN
    IF app <> current_user THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON thumbedge.site TO %I', app);
    END IF;
END $$;
