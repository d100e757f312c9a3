package cli

import (
	"context"
	"flag"
	"fmt"
	"text/tabwriter"

	"github.com/thumbedge/thumbedge/migrations"
)

func migrate() command {
	return command{
		name:     "migrate",
		synopsis: "--config FILE up|down|status",
		verbs:    []string{"up", "down", "status"},
		summary:  "install or remove the proxy's own schema and triggers",
		text: `
up      installs what is missing: the schema thumbedge (leases, files to delete), the
        triggers that notify of changes, and the thumbnail table where the app has none.
        Safe on a live database: one table a transaction, and never waiting for a lock
        longer than 3 s. Run it as the owner of the app's tables.
down    removes it all again, the newest first. Rows and files of thumbnails stay.
status  shows which are installed.

The proxy works without them, degraded as the README says.`,
		run: func(ctx context.Context, env Env, flags *flag.FlagSet, parse func() (string, error)) error {
			path := configFlag(env, flags)
			verb, err := parse()
			if err != nil {
				return err
			}
			file, err := load(env, *path)
			if err != nil {
				return err
			}
			url := file.Database.URL
			if file.Database.ListenURL != "" {
				url = file.Database.ListenURL // DDL goes past a pooler
			}
			m, err := migrations.New(url, file.Migrations(), func(line string) { fmt.Fprintln(env.Stdout, line) })
			if err != nil {
				return err
			}
			switch verb {
			case "up":
				return m.Up(ctx)
			case "down":
				return m.Down(ctx, 0)
			}
			return status(ctx, env, m)
		},
	}
}

func status(ctx context.Context, env Env, m *migrations.Migrator) error {
	states, err := m.Status(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	for _, state := range states {
		applied := "not installed"
		if !state.Applied.IsZero() {
			applied = "installed " + state.Applied.Format("2006-01-02 15:04:05 MST")
		}
		fmt.Fprintf(table, "%04d\t%s\t%s\n", state.Number, state.Name, applied)
	}
	return table.Flush()
}
