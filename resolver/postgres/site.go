package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Place is a database as it can be told from its copies and its neighbours.
type Place struct {
	System string // the cluster's system identifier; "": the role may not read it
	Name   string
	Schema string // of the thumbnail table; "": there is none
}

// Same says whether two are one database, as far as is known of both.
func (p Place) Same(other Place) bool {
	if p.System == "" || other.System == "" {
		p.System, other.System = "", ""
	}
	return p == other
}

// Site is the identity that a database shares with its storage.
type Site struct {
	Identity string // "": none was recorded
	Place    Place  // the database that it was made for
	Made     time.Time
}

// Place says which database this is.
func (t *Table) Place(ctx context.Context) (here Place, err error) {
	err = t.run(ctx, "site", "asking which database this is", func(ctx context.Context, conn *pgxpool.Conn) error {
		if err := conn.QueryRow(ctx, `
			SELECT current_database(), coalesce((SELECT n.nspname FROM pg_catalog.pg_class c
				JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)), '')`,
			t.app).Scan(&here.Name, &here.Schema); err != nil {
			return err
		}
		err := conn.QueryRow(ctx, `SELECT system_identifier::text FROM pg_catalog.pg_control_system()`).Scan(&here.System)
		if hasCode(err, noPrivilege, noSuchFunction) {
			return nil
		}
		return err
	})
	return here, err
}

// Site returns the identity that is recorded; none, too, without schema thumbedge.
func (t *Table) Site(ctx context.Context) (site Site, err error) {
	err = t.run(ctx, "site", "reading the site's identity", func(ctx context.Context, conn *pgxpool.Conn) error {
		var system *string
		err := conn.QueryRow(ctx, `
			SELECT identity, system_identifier, database_name, schema_name, made_at FROM thumbedge.site WHERE storage = $1`, t.storage).
			Scan(&site.Identity, &system, &site.Place.Name, &site.Place.Schema, &site.Made)
		if errors.Is(err, pgx.ErrNoRows) || hasCode(err, noSuchSchema, noSuchTable) {
			return nil
		}
		if system != nil {
			site.Place.System = *system
		}
		return err
	})
	return site, err
}

// SetSite records an identity in place of any other.
func (t *Table) SetSite(ctx context.Context, site Site) error {
	return t.run(ctx, "site", "recording the site's identity", func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := conn.Exec(ctx, `
			INSERT INTO thumbedge.site (storage, identity, system_identifier, database_name, schema_name, made_at)
			VALUES ($1, $2, nullif($3, ''), $4, $5, clock_timestamp())
			ON CONFLICT (storage) DO UPDATE SET identity = excluded.identity, system_identifier = excluded.system_identifier,
				database_name = excluded.database_name, schema_name = excluded.schema_name, made_at = excluded.made_at`,
			t.storage, site.Identity, site.Place.System, site.Place.Name, site.Place.Schema)
		if hasCode(err, noSuchSchema, noSuchTable) {
			return fmt.Errorf("thumbedge migrate up has not been run, or an older one: %w", err)
		}
		return err
	})
}

// aloneKey is the advisory lock that Alone holds. It is none of the app's, and not that of
// the migrations.
const aloneKey = 7_480_115_106

// Alone runs do while nobody else runs theirs, in whatever process: it waits for them as
// long as ctx allows. It holds a connection of its own meanwhile, so that do finds one in
// the smallest pool; where that connection breaks off, Alone fails whatever do returned.
func (t *Table) Alone(ctx context.Context, do func(context.Context) error) error {
	failed := func(err error) error {
		return fmt.Errorf("keeping others from pairing: %w: %w", thumb.ErrDatabase, err)
	}
	conn, err := pgx.ConnectConfig(ctx, t.pool.Config().ConnConfig)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return failed(err)
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(aloneKey)); err != nil {
		return failed(err)
	}
	if err := do(ctx); err != nil {
		return err // closing the connection lets go of the lock
	}
	if err := tx.Commit(ctx); err != nil {
		return failed(err)
	}
	return nil
}

// Newest returns the newest thumbnail rows that name a file, up to limit.
func (t *Table) Newest(ctx context.Context, limit int) (found []NamedFile, err error) {
	err = t.run(ctx, "newest", "looking for the newest thumbnail rows", func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, t.sql(`
			SELECT coalesce(source_image_id, 0), coalesce(label, ''), path, coalesce(size, 0) FROM (
				SELECT * FROM {thumbnail} ORDER BY id DESC LIMIT 10 * $1::int) newest
			WHERE btrim(coalesce(path, '')) <> '' ORDER BY id DESC LIMIT $1::int`), limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[NamedFile])
		return err
	})
	return found, err
}

// NamedFile is a file as a thumbnail row names it.
type NamedFile struct {
	Capture thumb.ID
	Label   string
	Path    string
	Size    int64 // 0: not known
}
