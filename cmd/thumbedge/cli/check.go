package cli

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
)

func check() command {
	return command{
		name:     "check",
		synopsis: "--config FILE",
		summary:  "try a configuration and each part it names",
		text: `
Reads the configuration, then tries each real part in turn: the app, the database with
its tables and triggers, the storage by a put, a get and a delete, the listeners. One
line each: ok, degraded (thumbedge works without) or FAILED. Exit status 1 when one
fails. It is safe beside a running proxy.`,
		run: func(ctx context.Context, env Env, flags *flag.FlagSet, parse func() (string, error)) error {
			path := configFlag(env, flags)
			if _, err := parse(); err != nil {
				return err
			}
			file, err := load(env, *path)
			if err != nil {
				return err
			}
			say(env, "ok", "configuration", *path)
			failed := false
			program.Check(ctx, file, func(f program.Finding) {
				switch {
				case f.Err != nil:
					failed = true
					say(env, "FAILED", f.Part, f.Err.Error())
				case f.Unknown:
					say(env, "-", f.Part, f.Fact)
				case f.Degraded:
					say(env, "degraded", f.Part, f.Fact)
				default:
					say(env, "ok", f.Part, f.Fact)
				}
			})
			if failed {
				return errReported
			}
			return nil
		},
	}
}

// say prints one finding on one line.
func say(env Env, verdict, part, text string) {
	fmt.Fprintf(env.Stdout, "%-9s %-14s %s\n", verdict, part, strings.Join(strings.Fields(text), " "))
}
