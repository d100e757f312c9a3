package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// StoredRow is a thumbnail row as reconcile walks over them.
type StoredRow struct {
	ID              int64 // primary key
	CaptureID       thumb.ID
	CaptureModified time.Time // last_modified of the capture; zero: null
	thumb.Row
}

// CountRows returns how many thumbnail rows there are.
func (t *Table) CountRows(ctx context.Context) (n int64, err error) {
	err = t.run(ctx, "count_rows", "counting thumbnail rows", func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, t.sql(`SELECT count(*) FROM {thumbnail}`)).Scan(&n)
	})
	return n, err
}

// Rows returns up to limit thumbnail rows whose primary keys are above after, in
// the order of these keys: the last one's is the next call's after. None: the walk
// is over.
func (t *Table) Rows(ctx context.Context, after int64, limit int) (found []StoredRow, err error) {
	err = t.run(ctx, "rows", "walking over thumbnail rows", func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, t.sql(`
			SELECT t.id, coalesce(t.source_image_id, 0), `+readable("c.last_modified")+`, coalesce(t.label, ''), coalesce(t.path, ''),
				coalesce(t.width, 0), coalesce(t.height, 0), coalesce(t.size, 0), `+readable("t.last_modified")+`, `+readable("t.updated_at")+`
			FROM (SELECT * FROM {thumbnail} WHERE id > $1 ORDER BY id LIMIT $2) t
			LEFT JOIN {capture} c ON c.id = t.source_image_id
			ORDER BY t.id`), after, limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r StoredRow, err error) {
			var captureModified, modified, updated *time.Time
			err = row.Scan(&r.ID, &r.CaptureID, &captureModified, &r.Label, &r.Path, &r.Width, &r.Height, &r.Size, &modified, &updated)
			r.CaptureModified, r.LastModified, r.UpdatedAt = moment(captureModified), moment(modified), moment(updated)
			return r, err
		})
		return err
	})
	return found, err
}

// Named returns which of paths a thumbnail row names. It looks among the rows of
// the capture in whose folder a path lies, which is the only place where one can
// be; a path in no capture's folder counts as named, so that nothing deletes it.
func (t *Table) Named(ctx context.Context, paths []string) (map[string]bool, error) {
	named := make(map[string]bool, len(paths))
	var ids []int64
	var inside []string
	for _, path := range paths {
		if id, ok := t.folderOf(path); ok {
			ids, inside = append(ids, int64(id)), append(inside, path)
		} else {
			named[path] = true
		}
	}
	err := t.run(ctx, "named", "looking which files rows name", func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, t.sql(`
			SELECT t.path FROM unnest($1::bigint[], $2::text[]) AS file (capture_id, path)
			JOIN {thumbnail} t ON t.source_image_id = file.capture_id AND t.path = file.path`), ids, inside)
		if err != nil {
			return err
		}
		var path string
		_, err = pgx.ForEachRow(rows, []any{&path}, func() error {
			named[path] = true
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return named, nil
}

// Recorded returns which of paths are recorded for deletion: a page or a cached
// redirect may still name them. Without schema thumbedge none is.
func (t *Table) Recorded(ctx context.Context, paths []string) (map[string]bool, error) {
	recorded := map[string]bool{}
	err := t.run(ctx, "recorded", "looking which files are recorded for deletion", func(ctx context.Context, conn *pgxpool.Conn) error {
		return t.either(ctx, conn, func() error {
			rows, err := conn.Query(ctx, t.sql(`SELECT path FROM {files} WHERE path = ANY ($1::text[])`), paths)
			if err != nil {
				return err
			}
			var path string
			_, err = pgx.ForEachRow(rows, []any{&path}, func() error {
				recorded[path] = true
				return nil
			})
			return err
		}, func() error { return nil })
	})
	if err != nil {
		return nil, err
	}
	return recorded, nil
}

// folderOf returns the capture in whose folder path lies.
func (t *Table) folderOf(path string) (thumb.ID, bool) {
	rest, ok := strings.CutPrefix(path, string(t.keys)+"capture_")
	digits, _, slash := strings.Cut(rest, "/")
	if !ok || !slash {
		return 0, false
	}
	id, ok := thumb.ParseID(digits)
	// A folder with leading zeros is not the one that we would look in.
	return id, ok && strconv.FormatInt(int64(id), 10) == digits
}

// DeleteRow removes a row, provided that it still names path. It says whether it
// did.
func (t *Table) DeleteRow(ctx context.Context, rowID int64, path string) (deleted bool, err error) {
	err = t.run(ctx, "delete_row", "removing a thumbnail row", func(ctx context.Context, conn *pgxpool.Conn) error {
		tag, err := conn.Exec(ctx, t.sql(`DELETE FROM {thumbnail} WHERE id = $1 AND path = $2`), rowID, path)
		deleted = tag.RowsAffected() == 1
		return err
	})
	return deleted, err
}

// Remembered returns what was last remembered under a name, nil for nothing or
// without schema thumbedge.
func (t *Table) Remembered(ctx context.Context, name string) (value json.RawMessage, err error) {
	err = t.run(ctx, "remember", "reading what reconcile remembers", func(ctx context.Context, conn *pgxpool.Conn) error {
		return t.either(ctx, conn, func() error {
			err := conn.QueryRow(ctx, `SELECT value FROM thumbedge.reconcile WHERE name = $1`, name).Scan((*[]byte)(&value))
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		}, func() error { return nil })
	})
	return value, err
}

// Remember keeps a JSON value under a name, in place of what was there. Without
// schema thumbedge it is forgotten at once.
func (t *Table) Remember(ctx context.Context, name string, value json.RawMessage) error {
	return t.run(ctx, "remember", "keeping what reconcile remembers", func(ctx context.Context, conn *pgxpool.Conn) error {
		return t.either(ctx, conn, func() error {
			_, err := conn.Exec(ctx, `
				INSERT INTO thumbedge.reconcile (name, value, updated_at) VALUES ($1, $2::text::jsonb, clock_timestamp())
				ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`, name, string(value))
			return err
		}, func() error { return nil })
	})
}

// Unremember drops what is remembered under every name that begins with prefix.
func (t *Table) Unremember(ctx context.Context, prefix string) error {
	return t.run(ctx, "remember", "dropping what reconcile remembers", func(ctx context.Context, conn *pgxpool.Conn) error {
		return t.either(ctx, conn, func() error {
			_, err := conn.Exec(ctx, `DELETE FROM thumbedge.reconcile WHERE starts_with(name, $1)`, prefix)
			return err
		}, func() error { return nil })
	})
}
