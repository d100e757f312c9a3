package cli

import (
	"context"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/migrations"
)

func migrate() command {
	return command{
		name:     "migrate",
		synopsis: "--config FILE up|down|status",
		verbs:    []string{"up", "down", "status"},
		summary:  "install or remove the proxy's own schema and triggers",
		text: `
up      installs what is missing, or got lost: the schema thumbedge (leases, files to
        delete) and the triggers that notify of changes. The app's tables are the app's
        own migrations' to make. Safe on a live database: one table a transaction, and
        never waiting for a lock longer than 3 s. Run it as the owner of the app's tables.
        Then it gives database and storage the identity that reconcile looks at, once the
        files of the newest rows were found there.
down    removes it all again, the newest first, and the storage's identity. Tables, rows
        and files of thumbnails stay.
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
			return migrateWith(ctx, env, file, verb)
		},
	}
}

// migrateWith does what the verb says to the database of a configuration.
func migrateWith(ctx context.Context, env Env, file *config.File, verb string) error {
	url := file.Database.URL
	if file.Database.ListenURL != "" {
		url = file.Database.ListenURL // DDL goes past a pooler
	}
	steps := 0
	m, err := migrations.New(url, file.Migrations(), func(line string) {
		steps++
		fmt.Fprintln(env.Stdout, line)
	})
	if err != nil {
		return err
	}
	switch verb {
	case "up":
		if err := m.Up(ctx); err != nil {
			return err
		}
		if steps == 0 {
			fmt.Fprintln(env.Stdout, "nothing to do: all of it is installed")
		}
		pair(ctx, env, file)
		return nil
	case "down":
		if err := withSites(ctx, file, func(ctx context.Context, s shelf) {
			if err := site.Part(ctx, s.table, s.storage, s.keys); err != nil {
				fmt.Fprintf(env.Stdout, "site: the %s keeps its identity: %v\n", s.name, err)
			}
		}); err != nil {
			fmt.Fprintf(env.Stdout, "site: the storage keeps its identity: %v\n", err)
		}
		if err := m.Down(ctx, 0); err != nil || steps > 0 {
			return err
		}
		fmt.Fprintln(env.Stdout, "nothing to do: none of it is installed")
		return nil
	}
	return status(ctx, env, m)
}

// siteLimit bounds how long migrate looks at what database and storage bear.
const siteLimit = 30 * time.Second

// pair gives database and storages their identities where neither side has one. Only
// reconcile and signatures need them: what keeps one from being made is said, and fails
// nothing.
func pair(ctx context.Context, env Env, file *config.File) {
	tell := func(of string, err error) {
		fmt.Fprintf(env.Stdout, "site: %s%v\nUntil then thumbedge reconcile --apply is refused.\n", of, err)
	}
	err := withSites(ctx, file, func(ctx context.Context, s shelf) {
		made, err := site.Pair(ctx, s.table, s.storage, s.keys)
		if made {
			fmt.Fprintf(env.Stdout, "site: database and %s are a pair from now on\n", s.name)
		}
		if err != nil {
			tell(s.of(), err)
		}
	})
	if err != nil {
		tell("", err)
	}
}

// withSites does something with the database and each storage, and bounds it in time.
func withSites(ctx context.Context, file *config.File, do func(context.Context, shelf)) (err error) {
	p, err := openParts(ctx, file)
	if err != nil {
		return err
	}
	defer p.close(&err)
	for _, s := range p.shelves(file) {
		limited, cancel := context.WithTimeout(ctx, siteLimit)
		do(limited, s)
		cancel()
	}
	return nil
}

func status(ctx context.Context, env Env, m *migrations.Migrator) error {
	states, err := m.Status(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	for _, state := range states {
		applied := "not installed"
		if state.Unknown {
			applied = "of a newer thumbedge, " + state.Applied.Format("2006-01-02 15:04:05 MST")
		} else if !state.Applied.IsZero() {
			applied = "installed " + state.Applied.Format("2006-01-02 15:04:05 MST")
		}
		fmt.Fprintf(table, "%04d\t%s\t%s\n", state.Number, state.Name, applied)
	}
	return table.Flush()
}
