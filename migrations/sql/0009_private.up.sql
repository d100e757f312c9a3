-- table:
-- holds: num_nulls(to_regclass('thumbedge.private_thumbnail'), to_regclass('thumbedge.private_file_to_delete'), to_regclass('thumbedge.draft_project')) = 0 AND (SELECT count(*) = 2 FROM pg_trigger WHERE tgrelid = to_regclass('thumbedge.private_thumbnail') AND tgname IN ('thumbedge_notify', 'thumbedge_truncate') AND tgenabled IN ('O', 'A') AND tgfoid = to_regprocedure('thumbedge.notify()'))
-- The thumbnails of draft projects, whose files lie in private storage. Their rows are
-- never the app's: it would give out their URLs once the project is public. No foreign
-- key: the app must be able to truncate its tables. Rows whose capture is gone, or is no
-- draft's any more, are removed by serve.
CREATE TABLE IF NOT EXISTS thumbedge.private_thumbnail (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_image_id bigint NOT NULL,
    label text NOT NULL,
    path text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    size bigint NOT NULL,
    last_modified timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT private_thumbnail_capture_label UNIQUE (source_image_id, label)
);

-- As file_to_delete, for private storage. A table of its own: an older thumbedge, which
-- may sweep that one beside this, would look for these files in the public storage.
CREATE TABLE IF NOT EXISTS thumbedge.private_file_to_delete (
    path text PRIMARY KEY,
    capture_id bigint NOT NULL,
    due timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS private_file_to_delete_due ON thumbedge.private_file_to_delete (due);

-- The projects that are drafts, since when they were seen to be, and when one's public
-- thumbnails are looked for next. Whoever looks moves that time, which is a claim.
CREATE TABLE IF NOT EXISTS thumbedge.draft_project (
    project_id bigint PRIMARY KEY,
    since timestamptz NOT NULL,
    due timestamptz NOT NULL
);

DROP TRIGGER IF EXISTS thumbedge_notify ON thumbedge.private_thumbnail;
DROP TRIGGER IF EXISTS thumbedge_truncate ON thumbedge.private_thumbnail;
CREATE TRIGGER thumbedge_notify AFTER INSERT OR UPDATE OR DELETE ON thumbedge.private_thumbnail
    FOR EACH ROW EXECUTE FUNCTION thumbedge.notify('thumbnail');
CREATE TRIGGER thumbedge_truncate AFTER TRUNCATE ON thumbedge.private_thumbnail
    FOR EACH STATEMENT EXECUTE FUNCTION thumbedge.notify('thumbnail');

-- Where an administrator migrates, the app's own role works with the result.
DO $$
DECLARE
    app name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('{capture}'));
BEGIN
    IF app <> current_user THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON thumbedge.private_thumbnail, thumbedge.private_file_to_delete, thumbedge.draft_project TO %I', app);
    END IF;
END $$;
