package cli

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/check"
)

func checkCommand() command {
	return command{
		name:     "check",
		synopsis: "--config FILE [--via URL | --diff]",
		summary:  "try a configuration and each part it names, or the site as browsers see it",
		text: `
Reads the configuration, then tries each real part in turn: the app, the database with
its tables and triggers, the storage by a put, a get and a delete, the listeners, the
collector of traces by a batch without spans. One line each: ok, degraded (thumbedge
works without) or FAILED. Exit status 1 when one fails. It is safe beside a running proxy.

With --via it looks at the site instead, from anywhere: it fetches a page through the
site's public address, as a browser does, and finds redirect loops, a wrong Host or
X-Forwarded-Proto, whether the page came through thumbedge, and how many of its route
URLs were rewritten. A URL without a path means the first of rewrite.paths.

With --diff it asks the thumbedge that serves, at server.admin_listen, what a reload
(SIGHUP) would change: one line each, key: old -> new, and whether it takes a reload or a
restart, or that a value which was set by hand stays. A secret's line says only that it
changed. Exit status 1 when the reload would fail, and then it changes nothing.`,
		run: func(ctx context.Context, env Env, flags *flag.FlagSet, parse func() (string, error)) error {
			path := configFlag(env, flags)
			via := flags.String("via", "", "the site's public `URL`, or a page's: look at that instead")
			differs := flags.Bool("diff", false, "say what a reload would change instead")
			if _, err := parse(); err != nil {
				return err
			}
			file, err := load(env, *path)
			if err != nil {
				return err
			}
			if *differs {
				return diff(ctx, env, *path, file)
			}
			say(env, "ok", "configuration", *path)
			failed := false
			tell := func(f check.Finding) {
				failed = failed || f.Err != nil
				sayFinding(env, f)
			}
			if *via != "" {
				check.Via(ctx, file, *via, tell)
			} else {
				check.Run(ctx, file, tell)
			}
			if failed {
				return errReported
			}
			return nil
		},
	}
}

func sayFinding(env Env, f check.Finding) {
	switch {
	case f.Err != nil:
		say(env, "FAILED", f.Part, f.Err.Error())
	case f.Unknown:
		say(env, "-", f.Part, f.Fact)
	case f.Degraded:
		say(env, "degraded", f.Part, f.Fact)
	default:
		say(env, "ok", f.Part, f.Fact)
	}
}

// say prints one finding on one line.
func say(env Env, verdict, part, text string) {
	fmt.Fprintf(env.Stdout, "%-9s %-14s %s\n", verdict, part, strings.Join(strings.Fields(once(text)), " "))
}
