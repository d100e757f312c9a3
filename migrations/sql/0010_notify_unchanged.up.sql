-- table:
-- holds: EXISTS (SELECT FROM pg_proc WHERE oid = to_regprocedure('thumbedge.notify()') AND prosrc LIKE '%migration 0010%')
-- The function of 0003, which says there what it keeps to, with what changes nothing looked
-- at first: most of what the app writes is such. PL/pgSQL prepares each expression anew in
-- each transaction that comes to it, for a microsecond or two, so that of a row that stays as
-- it is to us few are evaluated: whose row it is, and the comparison. TG_OP alone would cost
-- as much again. INSERT, DELETE and TRUNCATE are told from UPDATE by the id, which is null in
-- OLD or NEW then, and so equal to nothing.
CREATE OR REPLACE FUNCTION thumbedge.notify() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE -- no initial values: each is an expression; migration 0010
    old_id text; -- the capture that the row was about
    new_id text; -- and the one that it is about now
    everything boolean;
    said integer;
BEGIN
    -- OLD is all null on INSERT, and NEW on DELETE.
    BEGIN
        IF TG_ARGV[0] = 'capture' THEN
            IF OLD.id = NEW.id AND (OLD.path, OLD.public_base_url, OLD.last_modified, OLD.project_id)
                IS NOT DISTINCT FROM (NEW.path, NEW.public_base_url, NEW.last_modified, NEW.project_id) THEN
                RETURN NULL;
            END IF;
            old_id := OLD.id;
            new_id := NEW.id;
        ELSIF TG_ARGV[0] = 'thumbnail' THEN
            IF OLD.source_image_id = NEW.source_image_id AND (OLD.label, OLD.path, OLD.width, OLD.last_modified)
                IS NOT DISTINCT FROM (NEW.label, NEW.path, NEW.width, NEW.last_modified) THEN
                RETURN NULL;
            END IF;
            old_id := OLD.source_image_id;
            new_id := NEW.source_image_id;
        ELSE
            IF OLD.id = NEW.id AND OLD.draft IS NOT DISTINCT FROM NEW.draft THEN
                RETURN NULL;
            END IF;
            everything := true;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        IF TG_OP <> 'TRUNCATE' THEN
            DECLARE
                before jsonb := to_jsonb(OLD);
                after jsonb := to_jsonb(NEW);
            BEGIN
                everything := TG_ARGV[0] = 'project';
                old_id := before ->> (CASE TG_ARGV[0] WHEN 'thumbnail' THEN 'source_image_id' ELSE 'id' END);
                new_id := after ->> (CASE TG_ARGV[0] WHEN 'thumbnail' THEN 'source_image_id' ELSE 'id' END);
                IF NOT EXISTS (
                    SELECT FROM unnest(ARRAY['id', 'source_image_id', 'label', 'path', 'width', 'last_modified',
                        'public_base_url', 'project_id', 'draft']) AS k
                    WHERE NULLIF(before -> k, 'null') IS DISTINCT FROM NULLIF(after -> k, 'null')) THEN
                    RETURN NULL;
                END IF;
            END;
        END IF;
    END;

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
