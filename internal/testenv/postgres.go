package testenv

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

// DatabaseURLVariable names the environment variable that points tests to a
// PostgreSQL server of your own, by a URL whose user may create databases.
const DatabaseURLVariable = "THUMBEDGE_TEST_DATABASE_URL"

var (
	shared = sync.OnceValues(startShared)
	serial atomic.Int64
)

// Database makes a database of the test's own, empty but for the app's tables
// (sampleapp.Schema and Defaults), and returns its URL. It is dropped when the test
// ends, whoever is still connected.
func Database(t testing.TB) string {
	t.Helper()
	own := EmptyDatabase(t)
	admin(t, own, sampleapp.Schema+sampleapp.Defaults)
	return own
}

// EmptyDatabase is Database without any table.
func EmptyDatabase(t testing.TB) string {
	t.Helper()
	base, err := shared()
	if err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	name := fmt.Sprintf("te_%d_%d", os.Getpid(), serial.Add(1))
	admin(t, base, "CREATE DATABASE "+name)
	t.Cleanup(func() { admin(t, base, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return withDatabase(t, base, name)
}

// Postgres starts a PostgreSQL server of the test's own, for tests that stop or
// kill it, with TCP. Its database "postgres" has the app's tables.
func Postgres(t testing.TB, settings ...string) *postgresd.Server {
	t.Helper()
	dir, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	server, err := postgresd.Start(context.Background(), serverConfig(dir, settings...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	admin(t, server.TCPURL("postgres"), sampleapp.Schema+sampleapp.Defaults)
	return server
}

func serverConfig(dir string, settings ...string) postgresd.Config {
	return postgresd.Config{Dir: dir, TCP: true, Settings: append([]string{
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300",
	}, settings...)}
}

func startShared() (string, error) {
	if own := os.Getenv(DatabaseURLVariable); own != "" {
		return own, nil
	}
	dir, err := tempDir()
	if err != nil {
		return "", err
	}
	server, err := postgresd.Start(context.Background(), serverConfig(dir))
	if err != nil {
		return "", err
	}
	atExit(func() { _ = server.Stop() })
	return server.TCPURL("postgres"), nil
}

// admin runs statements on a connection of its own.
func admin(t testing.TB, url, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("connecting to PostgreSQL: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		t.Fatalf("preparing the database: %v", err)
	}
}

func withDatabase(t testing.TB, base, name string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		t.Fatalf("%s must be a postgres:// URL", DatabaseURLVariable)
	}
	u.Path = "/" + name
	return u.String()
}
