package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/demo"
)

func demoCommand() command {
	return command{
		name:    "demo",
		summary: "everything at once on this machine, with a gallery to open",
		text: `
Starts a private PostgreSQL (the system's own binaries), a sample capture API with a
gallery and made-up photos, and thumbedge in front of it; prints the URL to open.
There is nothing to configure. Photos, database and thumbnails are kept in --dir, so
that the next start takes seconds. Ctrl-C ends it all.`,
		run: func(ctx context.Context, env Env, flags *flag.FlagSet, parse func() (string, error)) error {
			dir := flags.String("dir", ".demo", "the `FOLDER` that is kept between starts")
			listen := flags.String("listen", "127.0.0.1:8080", "the proxy's `ADDRESS`; another port where it is in use")
			verbose := flags.Bool("verbose", false, "log each decision")
			if _, err := parse(); err != nil {
				return err
			}
			level := "warn"
			if *verbose {
				level = "debug"
			}
			log, flush := newLog(env.Stderr, config.Log{Level: level, Format: "text"})
			defer flush()
			began := time.Now()
			d, err := demo.Start(ctx, demo.Options{
				Dir: *dir, Listen: freeOr(env, *listen), Progress: env.Stderr, Log: log, Version: env.Version,
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, `
  Open %s
  the app without thumbedge  %s
  status and metrics         http://%s

Up after %.1f s. Ctrl-C ends it; what it made is kept in %s.
`, d.URL, d.AppURL, d.Program.AdminAddr(), time.Since(began).Seconds(), *dir)
			select {
			case <-ctx.Done():
			case err = <-d.Program.Failed():
			}
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
			defer cancel()
			return errors.Join(err, d.Close(closing))
		},
	}
}

// freeOr returns address, or one with a free port where address is in use.
func freeOr(env Env, address string) string {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintf(env.Stderr, "%v: taking a free port\n", err)
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return address
}
