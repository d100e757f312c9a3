package testenv_test

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

func count(t *testing.T, url, sql string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDatabasesOfTwoTestsAreApart(t *testing.T) {
	t.Parallel()
	a, b := testenv.Database(t), testenv.Database(t)
	if count(t, a, `WITH x AS (INSERT INTO main_project (name, draft) VALUES ('p', false) RETURNING 1) SELECT count(*) FROM x`) != 1 {
		t.Fatal("nothing inserted")
	}
	if n := count(t, b, `SELECT count(*) FROM main_project`); n != 0 {
		t.Errorf("the other database has %d projects, want 0", n)
	}
}

func TestKilledServerStartsAgainWithItsRows(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	count(t, server.TCPURL("postgres"), `WITH x AS (INSERT INTO main_project (name, draft) VALUES ('p', false) RETURNING 1) SELECT count(*) FROM x`)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	again, err := postgresd.Start(context.Background(), server.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Stop() })
	if n := count(t, again.TCPURL("postgres"), `SELECT 1`); n != 1 {
		t.Error("the server does not answer")
	}
}
