-- table:
-- The files themselves cannot be removed from here. They stay, and whoever takes this
-- back is told so.
DO $$
DECLARE
    files bigint := 0;
BEGIN
    IF to_regclass('thumbedge.private_thumbnail') IS NOT NULL THEN
        SELECT count(*) INTO files FROM thumbedge.private_thumbnail;
    END IF;
    IF to_regclass('thumbedge.private_file_to_delete') IS NOT NULL THEN
        files := files + (SELECT count(*) FROM thumbedge.private_file_to_delete);
    END IF;
    IF files > 0 THEN
        RAISE INFO 'the files of % private thumbnails stay in storage.private: delete what lies under its prefix, or run migrate up and reconcile --apply', files;
    END IF;
END $$;
DROP TABLE IF EXISTS thumbedge.draft_project;
DROP TABLE IF EXISTS thumbedge.private_file_to_delete;
DROP TABLE IF EXISTS thumbedge.private_thumbnail;
