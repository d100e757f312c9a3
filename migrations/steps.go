package migrations

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// step is one migration with the app's names in place.
type step struct {
	number   int
	name     string
	table    string // of the app's, that it locks; quoted; "": none
	holds    string // SQL that says whether what it made is there; "": nothing can get lost
	up, down string
}

//go:embed sql/*.sql
var files embed.FS

// What the first lines of a file say: which table the step locks, and how to tell
// that what it made is there.
const (
	tablePrefix = "-- table:"
	holdsPrefix = "-- holds:"
)

func readSteps(names Names) ([]step, error) {
	quoted, err := names.quoted()
	if err != nil {
		return nil, err
	}
	var pairs []string
	for name, table := range quoted {
		// As a string, where it stands in quotes, and as an identifier elsewhere.
		pairs = append(pairs, "'{"+name+"}'", "'"+strings.ReplaceAll(table, "'", "''")+"'", "{"+name+"}", table)
	}
	place := strings.NewReplacer(pairs...)

	entries, err := files.ReadDir("sql")
	if err != nil {
		return nil, fmt.Errorf("reading the embedded migrations: %w", err)
	}
	var steps []step
	for _, entry := range entries {
		name, isUp := strings.CutSuffix(entry.Name(), ".up.sql")
		if !isUp {
			continue
		}
		number, err := strconv.Atoi(name[:4])
		if err != nil {
			return nil, fmt.Errorf("reading the number of migration %s: %w", name, err)
		}
		upSQL, err := files.ReadFile("sql/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading migration %s: %w", name, err)
		}
		downSQL, err := files.ReadFile("sql/" + name + ".down.sql")
		if err != nil {
			return nil, fmt.Errorf("reading the way down of migration %s: %w", name, err)
		}
		upText := place.Replace(string(upSQL))
		steps = append(steps, step{
			number: number, name: name[5:],
			table: quoted[header(upText, tablePrefix)], holds: header(upText, holdsPrefix),
			up: upText, down: place.Replace(string(downSQL)),
		})
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.number, b.number) })
	return steps, nil
}

// header returns what stands behind prefix in one of a file's first two lines.
func header(sql, prefix string) string {
	for _, line := range strings.SplitN(sql, "\n", 3)[:2] {
		if value, found := strings.CutPrefix(line, prefix); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// quoted returns the names as SQL identifiers, by what they name.
func (n Names) quoted() (map[string]string, error) {
	quoted := map[string]string{
		"capture": n.Capture, "project": n.Project, "deployment": n.Deployment,
		"data_source": n.DataSource, "thumbnail": n.Thumbnail,
	}
	var errs []error
	for name, table := range quoted {
		parts := strings.Split(table, ".")
		if len(parts) > 2 || slices.Contains(parts, "") {
			errs = append(errs, fmt.Errorf("database.tables.%s: %q must be a table's name, after its schema's and a dot where it needs one", name, table))
		}
		quoted[name] = pgx.Identifier(parts).Sanitize()
	}
	return quoted, errors.Join(errs...)
}
