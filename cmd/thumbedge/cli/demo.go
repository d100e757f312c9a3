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
that the next start takes seconds. Ctrl-C ends it all.

With --app-on it runs the sample capture API alone, on a database that is there, for a
thumbedge that is started apart: deploy/compose.yaml does.`,
		run: func(ctx context.Context, env Env, flags *flag.FlagSet, parse func() (string, error)) error {
			dir := flags.String("dir", ".demo", "the `FOLDER` that is kept between starts")
			listen := flags.String("listen", "127.0.0.1:8080", "the proxy's `ADDRESS`; another port where it is in use")
			appOn := flags.String("app-on", "", "run the sample API alone, on the database at this `URL`")
			width := flags.Int("photo-width", 4096, "how wide the photos are, in `PIXELS`")
			verbose := flags.Bool("verbose", false, "log each decision")
			if _, err := parse(); err != nil {
				return err
			}
			level := "warn"
			if *verbose {
				level = "debug"
			}
			log, _, flush := newLog(env.Stderr, config.Log{Level: level, Format: "text"})
			defer flush()
			opts := demo.Options{Dir: *dir, Listen: *listen, Progress: env.Stderr, Log: log, Version: env.Version, Width: *width}
			if *appOn != "" {
				return appAlone(ctx, env, *appOn, opts)
			}
			began := time.Now()
			opts.Listen = freeOr(env, *listen)
			d, err := demo.Start(ctx, opts)
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

// appAlone runs the sample API until ctx ends.
func appAlone(ctx context.Context, env Env, databaseURL string, opts demo.Options) error {
	app, err := demo.StartApp(ctx, databaseURL, opts)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "the sample API is at %s\n", app.URL)
	select {
	case <-ctx.Done():
	case err = <-app.Failed():
	}
	return errors.Join(err, app.Close())
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
