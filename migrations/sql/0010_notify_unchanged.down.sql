-- The function as 0003 made it.
CREATE OR REPLACE FUNCTION thumbedge.notify() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := TG_ARGV[0];
    old_id text; -- the capture that the row was about
    new_id text; -- and the one that it is about now
    same boolean := false;
    everything boolean := false;
    said integer;
BEGIN
    -- OLD is all null on INSERT, and NEW on DELETE.
    BEGIN
        IF TG_OP = 'TRUNCATE' THEN
            everything := true;
        ELSIF kind = 'thumbnail' THEN
            same := (OLD.source_image_id, OLD.label, OLD.path, OLD.width, OLD.last_modified)
                IS NOT DISTINCT FROM (NEW.source_image_id, NEW.label, NEW.path, NEW.width, NEW.last_modified);
            old_id := OLD.source_image_id;
            new_id := NEW.source_image_id;
        ELSIF kind = 'capture' THEN
            same := (OLD.id, OLD.path, OLD.public_base_url, OLD.last_modified, OLD.project_id)
                IS NOT DISTINCT FROM (NEW.id, NEW.path, NEW.public_base_url, NEW.last_modified, NEW.project_id);
            old_id := OLD.id;
            new_id := NEW.id;
        ELSE
            same := (OLD.id, OLD.draft) IS NOT DISTINCT FROM (NEW.id, NEW.draft);
            everything := true;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        DECLARE
            before jsonb := to_jsonb(OLD);
            after jsonb := to_jsonb(NEW);
        BEGIN
            everything := kind = 'project';
            old_id := before ->> (CASE kind WHEN 'thumbnail' THEN 'source_image_id' ELSE 'id' END);
            new_id := after ->> (CASE kind WHEN 'thumbnail' THEN 'source_image_id' ELSE 'id' END);
            same := NOT EXISTS (
                SELECT FROM unnest(ARRAY['id', 'source_image_id', 'label', 'path', 'width', 'last_modified',
                    'public_base_url', 'project_id', 'draft']) AS k
                WHERE NULLIF(before -> k, 'null') IS DISTINCT FROM NULLIF(after -> k, 'null'));
        END;
    END;
    IF same THEN
        RETURN NULL;
    END IF;

    said := coalesce(nullif(current_setting('thumbedge.said', true), ''), '0');
    IF said > 1000 THEN
        RETURN NULL; -- everything, already
    END IF;
    IF old_id = new_id THEN
        old_id := NULL;
    END IF;
    IF everything OR said + num_nonnulls(old_id, new_id) > 1000 OR num_nonnulls(old_id, new_id) = 0 THEN
        PERFORM pg_notify('thumbedge', '*');
        PERFORM set_config('thumbedge.said', '1001', true);
        RETURN NULL;
    END IF;
    IF old_id IS NOT NULL THEN
        PERFORM pg_notify('thumbedge', old_id);
    END IF;
    IF new_id IS NOT NULL THEN
        PERFORM pg_notify('thumbedge', new_id);
    END IF;
    PERFORM set_config('thumbedge.said', (said + num_nonnulls(old_id, new_id))::text, true);
    RETURN NULL;
END $$;
