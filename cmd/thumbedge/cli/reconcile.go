package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
)

func reconcileCommand() command {
	return command{
		name:     "reconcile",
		synopsis: "--config FILE [--adopt | --apply] [--force N] [--since WHEN] [--json]",
		summary:  "find and repair rows without files and files without rows",
		text: `
Looks at every thumbnail row and every stored file, and reports rows whose file is
gone, files that no row names, and rows that will regenerate. A dry run unless
--apply is given: then, after it has looked at everything, the rows are removed, so
that their thumbnails are made anew, and the files deleted that are older than
reconcile.grace. Each is looked at again right before. Files on disk that a crash
left half-written go too. It asks the storage at most reconcile.rate times a second,
takes the same memory whatever there is to look at, and is safe beside a running
proxy and app.

--apply removes nothing, and fails, where more than 10 % and more than 20 of the rows
or of the files would go: that is mostly the wrong database, the wrong bucket or a
volume that is not mounted. --force N allows it, for N rows and files at most. A grace
below 30 minutes needs it too: a file's row may come that much later.

Database and storage bear the identity of their site, which thumbedge migrate up gives
to both. Where they do not agree, or the database is a dump that was restored elsewhere,
nothing is looked at, but for --adopt: it gives them a new identity, once the files of
the newest 20 rows were found in the storage. Whatever was paired with either of them
before is refused from then on. A dry run works without an identity, --apply does not.

A run that was interrupted goes on where it was when it is started with the same
flags again. That needs schema thumbedge (thumbedge migrate up), and so does --apply.
Run one at a time.

Rows are removed outside Django: where the app has django-cachalot on, run
manage.py invalidate_cachalot afterwards, or add main_sourceimagethumbnail to
CACHALOT_UNCACHABLE_TABLES.

Exit status 0 when it came to its end, whatever it found; 1 when it could not.`,
		run: func(ctx context.Context, env Env, flags *flag.FlagSet, parse func() (string, error)) error {
			path := configFlag(env, flags)
			var cfg reconcile.Config
			flags.BoolVar(&cfg.Apply, "apply", false, "repair; without it nothing is changed")
			flags.StringVar(&cfg.SinceText, "since", "", "only rows updated since `WHEN`: 36h ago, a date, or a time as RFC 3339 has it")
			flags.BoolVar(&cfg.Restart, "restart", false, "begin anew, not where the last run was interrupted")
			flags.Int64Var(&cfg.Force, "force", 0, "with --apply, remove up to `N` rows and files although they are a large share, or the grace is short")
			adopt := flags.Bool("adopt", false, "say that database and storage belong together, and do nothing else")
			asJSON := flags.Bool("json", false, "print the summary as JSON")
			if _, err := parse(); err != nil {
				return err
			}
			if *adopt && cfg.Apply {
				fmt.Fprintln(env.Stderr, "thumbedge reconcile: --adopt and --apply are two commands, a dry run between them")
				return errUsage
			}
			var err error
			if cfg.Since, err = since(cfg.SinceText, time.Now()); err != nil {
				fmt.Fprintf(env.Stderr, "thumbedge reconcile: %v\n", err)
				return errUsage
			}
			file, err := load(env, *path)
			if err != nil {
				return err
			}
			return reconcileWith(ctx, env, file, cfg, *adopt, *asJSON)
		},
	}
}

// reconcileWith runs it on the parts that the configuration names.
func reconcileWith(ctx context.Context, env Env, file *config.File, cfg reconcile.Config, adopt, asJSON bool) (err error) {
	p, err := openParts(ctx, file)
	if err != nil {
		return err
	}
	defer p.close(&err)
	cfg.Specs, cfg.Keys, cfg.Place = file.Thumbnails, file.Storage.Prefix, place(file)
	cfg.Rate, cfg.Grace = file.Reconcile.Rate, file.Reconcile.Grace
	if adopt {
		return adoptSite(ctx, env, p, cfg)
	}
	if err := checkSite(ctx, env, p, cfg); err != nil {
		return err
	}
	installed, err := p.store.Installed(ctx)
	if err != nil {
		return err
	}
	if !installed.Schema {
		fmt.Fprintln(env.Stderr, "schema thumbedge is not installed (thumbedge migrate up): a run that is interrupted begins anew, and the status page is told of none")
	}
	shown := newProgress(env.Stderr)
	summary, err := reconcile.Run(ctx, cfg, p.store, p.storage, shown.tell)
	shown.end()
	var refused *reconcile.RefusedError
	switch {
	case errors.As(err, &refused):
		return errors.Join(show(env, summary, asJSON), err)
	case err != nil && ctx.Err() != nil && installed.Schema:
		return errors.New("interrupted; the same command goes on from here, --restart begins anew")
	case err != nil && ctx.Err() != nil:
		return errors.New("interrupted; without schema thumbedge the same command begins anew")
	case err != nil:
		return err
	}
	if files, ok := p.storage.(*filesystem.Storage); ok && cfg.Apply {
		if err := removeLeftovers(ctx, env, files, string(cfg.Keys), cfg.Grace); err != nil {
			return err
		}
	}
	return show(env, summary, asJSON)
}

// show prints what was found and done.
func show(env Env, summary reconcile.Summary, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(env.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(summary)
	}
	summary.WriteText(env.Stdout)
	return nil
}

// checkSite refuses a database and a storage that do not belong together. A dry run goes
// on where nobody has said yet whether they do.
func checkSite(ctx context.Context, env Env, p *parts, cfg reconcile.Config) error {
	err := site.Check(ctx, p.store, p.storage, cfg.Keys)
	switch {
	case errors.Is(err, site.ErrNotPaired) && !cfg.Apply:
		fmt.Fprintf(env.Stderr, "%v (thumbedge migrate up does it): --apply would be refused\n", err)
		return nil
	case errors.Is(err, site.ErrNotPaired):
		return fmt.Errorf("refused: %w; thumbedge migrate up does it, or reconcile --adopt", err)
	case errors.Is(err, site.ErrOther):
		return fmt.Errorf("refused: %w Where they are: thumbedge reconcile --adopt", err)
	}
	return err
}

// adoptSite makes a pair of database and storage.
func adoptSite(ctx context.Context, env Env, p *parts, cfg reconcile.Config) error {
	if installed, err := p.store.Installed(ctx); err != nil {
		return err
	} else if !installed.Schema {
		return errors.New("the identity lies in schema thumbedge, which is not installed: run thumbedge migrate up first")
	}
	before := site.Check(ctx, p.store, p.storage, cfg.Keys)
	if before == nil {
		fmt.Fprintln(env.Stdout, "database and storage are a pair already: nothing to do")
		return nil
	}
	if err := site.Adopt(ctx, p.store, p.storage, cfg.Keys, cfg.Force); err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout, "database and storage are a pair from now on")
	if errors.Is(before, site.ErrOther) {
		fmt.Fprintf(env.Stdout, "before: %v\nWhatever was paired with either of them is refused from now on, until it is adopted itself.\n", before)
	}
	return nil
}

// place names the storage that file configures, as reconcile.Config.Place has it.
func place(file *config.File) string {
	s := file.Storage
	return strings.Join([]string{s.Driver, s.Endpoint, s.Bucket, s.Location, s.Root, string(s.Prefix)}, " ")
}

// unfinishedAge is how old a half-written file is that nobody writes any more,
// whatever reconcile.grace says.
const unfinishedAge = time.Hour

func removeLeftovers(ctx context.Context, env Env, files *filesystem.Storage, prefix string, grace time.Duration) error {
	removed, err := files.RemoveLeftovers(ctx, prefix, time.Now().Add(-max(grace, unfinishedAge)))
	if removed > 0 {
		fmt.Fprintf(env.Stderr, "%d half-written files removed\n", removed)
	}
	if err != nil {
		return fmt.Errorf("removing half-written files: %w", err)
	}
	return nil
}

// since reads --since: a duration before now, a date or a time.
func since(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since: must be a duration such as 36h, a date such as 2026-06-12 or a time such as 2026-06-12T23:00:00Z, not %q", text)
}
