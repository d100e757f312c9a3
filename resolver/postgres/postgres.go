// Package postgres is everything that thumbedge asks of, and tells, the database:
// what it says about captures (for the warm set), the leases and rows of the cold
// path, and the notifications that keep the warm set right. It is the only package
// beside migrations that knows pgx and the app's tables.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Config says where the database is and how it is used ([database] in the
// configuration file).
type Config struct {
	URL         string        `toml:"url,secret"`          // of the pool; required
	ListenURL   string        `toml:"listen_url,secret"`   // direct, for LISTEN, where URL is a pooler's; "": URL
	Pooler      bool          `toml:"pooler"`              // URL is a transaction pooler's: no prepared statements
	Schema      string        `toml:"schema"`              // whose tables these are; only "antenna" so far
	PageTimeout time.Duration `toml:"page_timeout,reload"` // that a page waits for its query at most
	MaxConns    int           `toml:"max_conns"`           // of the pool
	Tables      Tables        `toml:"tables"`
	// Keys is storage.prefix. A file is only ever recorded for deletion, and handed
	// out for it, where it lies in its capture's folder under it.
	Keys thumb.Keys
	// PrivateKeys is storage.private.prefix; "": there is no private storage, and drafts
	// are told from nothing else that is not public.
	PrivateKeys thumb.Keys
}

// Defaults returns the configuration that an empty file stands for, but for the
// URL.
func Defaults() Config {
	return Config{Schema: "antenna", PageTimeout: 250 * time.Millisecond, MaxConns: 16, Tables: Antenna, Keys: "thumbnails/"}
}

// Tables are the names of the app's tables. Each may be qualified by a schema.
type Tables struct {
	Capture    string `toml:"capture"`
	Project    string `toml:"project"`
	Deployment string `toml:"deployment"`
	DataSource string `toml:"data_source"`
	Thumbnail  string `toml:"thumbnail"`
}

// Antenna is the naming of schema "antenna".
var Antenna = Tables{
	Capture:    "main_sourceimage",
	Project:    "main_project",
	Deployment: "main_deployment",
	DataSource: "main_s3storagesource",
	Thumbnail:  "main_sourceimagethumbnail",
}

// Validate reports every problem of the configuration, joined.
func (c *Config) Validate() error {
	var errs []error
	for _, url := range []struct{ key, value string }{{"database.url", c.URL}, {"database.listen_url", c.ListenURL}} {
		if url.value == "" && url.key != "database.url" {
			continue
		}
		if _, err := pgconn.ParseConfig(url.value); err != nil || url.value == "" {
			errs = append(errs, fmt.Errorf("%s: must be a URL such as postgres://user:password@host/name", url.key))
		}
	}
	if c.Schema != "antenna" {
		errs = append(errs, fmt.Errorf(`database.schema: must be "antenna", not %q`, c.Schema))
	}
	if c.PageTimeout <= 0 {
		errs = append(errs, errors.New("database.page_timeout: must be above 0"))
	}
	if c.MaxConns < 1 {
		errs = append(errs, errors.New("database.max_conns: must be 1 or more"))
	}
	for _, table := range c.Tables.named() {
		parts := strings.Split(table.name, ".")
		if len(parts) > 2 || slices.Contains(parts, "") {
			errs = append(errs, fmt.Errorf("database.tables.%s: %q must be a table's name, after its schema's and a dot where it needs one", table.key, table.name))
		}
	}
	return errors.Join(errs...)
}

type namedTable struct{ key, name string }

func (t *Tables) named() []namedTable {
	return []namedTable{
		{"capture", t.Capture},
		{"project", t.Project},
		{"deployment", t.Deployment},
		{"data_source", t.DataSource},
		{"thumbnail", t.Thumbnail},
	}
}

// Open makes the pool. It connects to nothing yet: thumbedge starts while the
// database is away. The caller closes the pool. Tracer may be nil; tests count
// queries with it.
func Open(cfg Config, tracer pgx.QueryTracer) (*pgxpool.Pool, error) {
	pool, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("reading database.url: %w", err)
	}
	pool.MaxConns = int32(cfg.MaxConns)
	// The first pages after a start, or after a quiet time, find connections made.
	pool.MinConns = min(2, pool.MaxConns)
	pool.ConnConfig.Tracer = tracer
	pool.ConnConfig.ConnectTimeout = 2 * time.Second
	if cfg.Pooler {
		pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	// A context that ends asks the server to cancel the query, and gives the
	// answer a moment, rather than closing the connection at once.
	pool.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Second}
	}
	made, err := pgxpool.NewWithConfig(context.Background(), pool)
	if err != nil {
		return nil, fmt.Errorf("making the database pool: %w", err)
	}
	return made, nil
}
