package cli

import (
	"context"
	"flag"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/collector"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
)

func serve() command {
	return command{
		name:     "serve",
		synopsis: "--config FILE",
		summary:  "run the proxy",
		text: `
Runs the proxy until SIGTERM or SIGINT, then drains: requests and renders in flight
have server.shutdown_grace to finish. A second signal ends it at once.

It starts with the database, the storage or the app away, and says on the admin
listener's /readyz what is degraded meanwhile. It never changes the database's
schema: that is thumbedge migrate.`,
		run: func(ctx context.Context, env Env, flags *flag.FlagSet, parse func() (string, error)) error {
			path := configFlag(env, flags)
			if _, err := parse(); err != nil {
				return err
			}
			file, err := load(env, *path)
			if err != nil {
				return err
			}
			log, flush := newLog(env.Stderr, file.Log)
			defer flush()
			p, err := program.Start(file, program.Options{Log: log, Version: env.Version, Hook: hook(env)})
			if err != nil {
				return err
			}
			defer collect(ctx)()
			log.Info("serving", "listen", p.Addr(), "admin_listen", p.AdminAddr(), "upstream", file.Upstream.URL, "version", env.Version)
			return untilDone(ctx, p, file.Server.ShutdownGrace, log.Info)
		},
	}
}

// collect adjusts the process's garbage collector until end is called.
func collect(ctx context.Context) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { collector.Run(ctx) })
	return func() {
		stop()
		running.Wait()
	}
}

// untilDone waits for the end of ctx, or for a listener that fails, then drains.
func untilDone(ctx context.Context, p *program.Program, grace time.Duration, say func(string, ...any)) error {
	var failed error
	select {
	case <-ctx.Done():
		say("draining", "grace", grace)
	case failed = <-p.Failed():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := p.Close(drain)
	if failed != nil {
		return failed
	}
	say("stopped")
	return err
}
