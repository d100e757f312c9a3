-- table: capture
-- The table of thumbnail rows, where the app's own migrations have not made it.
-- The comment is how the way down knows that it is ours.
DO $$
BEGIN
    IF to_regclass('{thumbnail}') IS NOT NULL THEN
        RETURN;
    END IF;
    CREATE TABLE {thumbnail} (
        id bigserial PRIMARY KEY,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        path varchar(255) NOT NULL,
        label varchar(255) NOT NULL,
        width integer NOT NULL,
        height integer NOT NULL,
        size bigint NOT NULL,
        last_modified timestamptz,
        source_image_id bigint NOT NULL REFERENCES {capture} (id) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT unique_source_image_thumbnail_label UNIQUE (source_image_id, label)
    );
    CREATE INDEX ON {thumbnail} (source_image_id, label);
    COMMENT ON TABLE {thumbnail} IS 'made by thumbedge migrate';
END $$;
