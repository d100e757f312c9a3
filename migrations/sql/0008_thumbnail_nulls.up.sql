-- table: thumbnail
-- holds: NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('{thumbnail}') AND attname IN ('width', 'height', 'size') AND attnotnull AND obj_description(attrelid, 'pg_class') = 'made by thumbedge migrate')
-- A table that 0002 once made becomes like the app's own, which allows null in these
-- columns, and whose migrations know its index by name.
DO $$
BEGIN
    IF obj_description(to_regclass('{thumbnail}'), 'pg_class') = 'made by thumbedge migrate' THEN
        ALTER TABLE {thumbnail} ALTER width DROP NOT NULL, ALTER height DROP NOT NULL, ALTER size DROP NOT NULL;
        ALTER INDEX IF EXISTS main_sourceimagethumbnail_source_image_id_label_idx RENAME TO main_source_source__b0d4cd_idx;
    END IF;
END $$;
