-- table:
-- holds: num_nulls(to_regclass('thumbedge.migration'), to_regclass('thumbedge.lease'), to_regclass('thumbedge.file_to_delete'), to_regclass('thumbedge.reconcile')) = 0
-- What is the proxy's own. Nothing of the app's is touched.
CREATE SCHEMA IF NOT EXISTS thumbedge;
COMMENT ON SCHEMA thumbedge IS 'thumbedge, the thumbnail proxy; made and removed by thumbedge migrate';

CREATE TABLE IF NOT EXISTS thumbedge.migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row for each capture that is being rendered. Dead holders' rows lapse.
CREATE TABLE IF NOT EXISTS thumbedge.lease (
    capture_id bigint PRIMARY KEY,
    holder text NOT NULL,
    until timestamptz NOT NULL
);

-- Files that no row names any more. Whoever sweeps claims a file by moving its
-- due time, which makes that the time of the next try as well.
CREATE TABLE IF NOT EXISTS thumbedge.file_to_delete (
    path text PRIMARY KEY,
    capture_id bigint NOT NULL,
    due timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS file_to_delete_due ON thumbedge.file_to_delete (due);

-- What reconcile remembers between runs.
CREATE TABLE IF NOT EXISTS thumbedge.reconcile (
    name text PRIMARY KEY,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Where an administrator migrates, the app's own role works with the result.
DO $$
DECLARE
    app name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('{capture}'));
BEGIN
    IF app <> current_user THEN
        EXECUTE format('GRANT USAGE ON SCHEMA thumbedge TO %I', app);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON thumbedge.lease, thumbedge.file_to_delete, thumbedge.reconcile TO %I', app);
        EXECUTE format('GRANT SELECT ON thumbedge.migration TO %I', app);
    END IF;
END $$;
