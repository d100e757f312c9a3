package sampleapp_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// described is what the catalogs say of every table: columns in their order, and
// constraints and indexes by name.
const described = `
SELECT format('%s %s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' not null' END,
	CASE a.attidentity WHEN 'd' THEN ' identity' END, (SELECT ' default ' || pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = c.oid AND adnum = a.attnum)) AS line,
	c.relname, 0 AS part, a.attnum AS place
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('%s constraint %s %s', c.relname, k.conname, pg_get_constraintdef(k.oid)), c.relname, 1, row_number() OVER (ORDER BY k.conname COLLATE "C")
FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT regexp_replace(pg_get_indexdef(i.indexrelid), 'public\.', '', 'g'), c.relname, 2, row_number() OVER (ORDER BY i.indexrelid::regclass::text COLLATE "C")
FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace
ORDER BY relname, part, place`

// The tables are antenna's own: the file says what Django's schema editor made of
// antenna's models in PostgreSQL. A table that is kinder than the real one has hidden
// a fault once, for width, height and size may be null there.
func TestSchemaIsAntennas(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/antenna_schema.txt")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), testenv.EmptyDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sampleapp.Schema); err != nil {
		t.Fatal(err)
	}
	rows, _ := conn.Query(t.Context(), `SELECT line FROM (`+described+`) d`)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), lines); diff != "" {
		t.Errorf("the tables differ from antenna's: %s", diff)
	}
}
