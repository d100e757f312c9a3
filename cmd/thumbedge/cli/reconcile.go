package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
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
	cfg.Specs, cfg.Rate, cfg.Grace = file.Thumbnails, file.Reconcile.Rate, file.Reconcile.Grace
	shelves := p.shelves(file)
	if adopt {
		return adoptSites(ctx, env, p, shelves, cfg.Force)
	}
	for _, s := range shelves {
		if err := checkSite(ctx, env, s, cfg.Apply); err != nil {
			return err
		}
	}
	installed, err := p.store.Installed(ctx)
	if err != nil {
		return err
	}
	if !installed.Schema {
		fmt.Fprintln(env.Stderr, "schema thumbedge is not installed (thumbedge migrate up): a run that is interrupted begins anew, and the status page is told of none")
	}
	if p.private != nil && !installed.Private {
		fmt.Fprintln(env.Stderr, "the tables of private thumbnails are not installed (thumbedge migrate up): storage.private is left out")
		shelves = shelves[:1]
	}
	var found []reconcile.Summary
	var failed error
	for _, s := range shelves {
		summary, err := reconcileShelf(ctx, env, s, cfg, installed.Schema)
		var refused *reconcile.RefusedError
		if err != nil && !errors.As(err, &refused) {
			return errors.Join(failed, err)
		}
		found, failed = append(found, summary), errors.Join(failed, err)
	}
	return errors.Join(show(env, found, asJSON), failed)
}

// reconcileShelf runs it on one storage and its table.
func reconcileShelf(ctx context.Context, env Env, s shelf, cfg reconcile.Config, schema bool) (reconcile.Summary, error) {
	cfg.Keys, cfg.Place, cfg.Private = s.keys, s.place, s.table.IsPrivate()
	shown := newProgress(env.Stderr)
	summary, err := reconcile.Run(ctx, cfg, s.table, s.storage, shown.tell)
	shown.end()
	var refused *reconcile.RefusedError
	switch {
	case errors.As(err, &refused):
		return summary, err
	case err != nil && ctx.Err() != nil && schema:
		return summary, errors.New("interrupted; the same command goes on from here, --restart begins anew")
	case err != nil && ctx.Err() != nil:
		return summary, errors.New("interrupted; without schema thumbedge the same command begins anew")
	case err != nil:
		return summary, err
	}
	if files, ok := s.storage.(*filesystem.Storage); ok && cfg.Apply {
		err = removeLeftovers(ctx, env, files, string(cfg.Keys), cfg.Grace)
	}
	return summary, err
}

// show prints what was found and done: in the storage, then in storage.private, where there
// is one.
func show(env Env, found []reconcile.Summary, asJSON bool) error {
	if asJSON {
		summary := found[0]
		if len(found) > 1 {
			summary.Private = &found[1]
		}
		encoder := json.NewEncoder(env.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(summary)
	}
	found[0].WriteText(env.Stdout)
	for _, private := range found[1:] {
		fmt.Fprint(env.Stdout, "\nstorage.private\n")
		private.WriteText(env.Stdout)
	}
	return nil
}

// checkSite refuses a database and a storage that do not belong together. A dry run goes
// on where nobody has said yet whether they do.
func checkSite(ctx context.Context, env Env, s shelf, apply bool) error {
	err := site.Check(ctx, s.table, s.storage, s.keys)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, site.ErrNotPaired) && !apply:
		fmt.Fprintf(env.Stderr, "%s%v (thumbedge migrate up does it): --apply would be refused\n", s.of(), err)
		return nil
	case errors.Is(err, site.ErrNotPaired):
		return fmt.Errorf("refused: %s%w; thumbedge migrate up does it, or reconcile --adopt", s.of(), err)
	case errors.Is(err, site.ErrOther):
		return fmt.Errorf("refused: %s%w Where they are: thumbedge reconcile --adopt", s.of(), err)
	}
	return fmt.Errorf("%s%w", s.of(), err)
}

// adoptSites makes pairs of the database and each storage.
func adoptSites(ctx context.Context, env Env, p *parts, shelves []shelf, force int64) error {
	if installed, err := p.store.Installed(ctx); err != nil {
		return err
	} else if !installed.Schema || p.private != nil && !installed.Private {
		return errors.New("the identity lies in schema thumbedge, which is not installed, or not as a whole: run thumbedge migrate up first")
	}
	for _, s := range shelves {
		before := site.Check(ctx, s.table, s.storage, s.keys)
		if before == nil {
			fmt.Fprintf(env.Stdout, "database and %s are a pair already: nothing to do\n", s.name)
			continue
		}
		if err := site.Adopt(ctx, s.table, s.storage, s.keys, force); err != nil {
			return fmt.Errorf("%s%w", s.of(), err)
		}
		fmt.Fprintf(env.Stdout, "database and %s are a pair from now on\n", s.name)
		if errors.Is(before, site.ErrOther) {
			fmt.Fprintf(env.Stdout, "before: %v\nWhatever was paired with either of them is refused from now on, until it is adopted itself.\n", before)
		}
	}
	return nil
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
