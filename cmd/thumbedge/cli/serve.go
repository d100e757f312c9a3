package cli

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/collector"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
)

func serve() command {
	return command{
		name:     "serve",
		synopsis: "--config FILE",
		summary:  "run the proxy",
		text: `
Runs the proxy until SIGTERM or SIGINT, then drains: requests and renders in flight
have server.shutdown_grace to finish. A second signal ends it at once. SIGHUP reads the
file again and puts it in force, all of it or, where something is wrong with it, nothing.

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
			hangups, end := hangups()
			defer end()
			log, level, flush := newLog(env.Stderr, file.Log)
			defer flush()
			own, err := filepath.Abs(*path)
			if err != nil {
				return err
			}
			p, err := program.Start(file, program.Options{
				Log: log, Level: level, Version: env.Version, Hook: hook(env),
				Path: own, Load: func() (*config.File, error) { return config.Load(own) },
			})
			if err != nil {
				return err
			}
			defer collect(ctx)()
			log.Info("serving", "listen", p.Addr(), "admin_listen", p.AdminAddr(), "upstream", file.Upstream.URL, "version", env.Version)
			return untilDone(ctx, p, hangups, log.Info)
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

// hangups are the signals to reload; end lets them end the process again.
func hangups() (signals chan os.Signal, end func()) {
	signals = make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}

// untilDone reloads at each hangup. It waits for the end of ctx, or for a listener that
// fails, then drains.
func untilDone(ctx context.Context, p *program.Program, hangups <-chan os.Signal, say func(string, ...any)) error {
	var failed error
	for done := false; !done; {
		select {
		case <-hangups:
			_ = p.Reload() // which says what came of it
			continue
		case <-ctx.Done():
		case failed = <-p.Failed():
		}
		done = true
	}
	grace := p.File().Server.ShutdownGrace
	if failed == nil {
		say("draining", "grace", grace)
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
