// Package program is thumbedge as a value: it plugs the packages together from one
// configuration, starts them, and ends them in the order in which they need each
// other. The command line starts one, the demo another, and so do tests, on port 0.
//
//	proxy ──asks──▶ resolver ──asks──▶ resolver/postgres ──tells──▶ resolver
//	  └────asks──▶ imaging ──asks──▶ resolver/postgres, imaging/s3 or imaging/filesystem
//
// Nothing here waits for the database, the storage or the app at the start: what is
// away is degraded, as /readyz says of each, and comes back by itself.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/machine"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/tracing"
	"github.com/thumbedge/thumbedge/deploy"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/proxy/wire/upstream"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// Options are what tests and the command line set beside the configuration.
type Options struct {
	Log     *slog.Logger
	Version string
	// Load reads the configuration file again, for a reload, and Path is where it lies; nil
	// and "": there is none. Level is the log's, which a reload sets; nil: it stays as it is.
	Load  func() (*config.File, error)
	Path  string
	Level *slog.LevelVar
	// Tracer sees every database query; nil for none.
	Tracer pgx.QueryTracer
	// Hook is called between the steps of a cold thumbnail, and of what removes rows and
	// files; nil for none.
	Hook func(step string)
	// HistoryStep is how often the status page's history is sampled; 0: ten seconds.
	HistoryStep time.Duration
}

// Program is a running thumbedge. Its methods may be called from any goroutine;
// Close once.
type Program struct {
	reloads reloads
	opts    Options

	pool            *pgxpool.Pool
	store           *postgres.Store
	databaseMetrics *postgres.Metrics // of the store, and of the listener
	storage         imaging.Storage
	private         privateParts
	warm            *resolver.WarmSet
	renderer        *imaging.Renderer
	proxy           *proxy.Server
	admin           *admin.Server
	registry        *prometheus.Registry
	app             *appProbe
	schema          *schemaProbe
	stored          *storageProbe
	signer          *signerProbe
	tracing         *tracing.Tracing // nil: nothing is traced

	listener, adminListener net.Listener

	stop    context.CancelFunc // of what runs in the background
	running sync.WaitGroup
	failed  chan error // the first listener that ended by itself
}

// Start makes a thumbedge from a valid configuration and serves at once. It fails
// only on what will not come by itself: an address in use, an impossible storage.
func Start(file *config.File, opts Options) (*Program, error) {
	p := &Program{opts: opts, failed: make(chan error, 2)}
	background, stop := context.WithCancel(context.Background())
	p.stop = stop
	if err := p.build(background, file); err != nil {
		return nil, errors.Join(err, p.closeParts(background))
	}
	p.run(background)
	return p, nil
}

// Addr returns the address at which the proxy answers.
func (p *Program) Addr() string { return p.listener.Addr().String() }

// AdminAddr returns the address of the admin listener.
func (p *Program) AdminAddr() string { return p.adminListener.Addr().String() }

// WarmSet returns the warm set, for tests and the demo.
func (p *Program) WarmSet() *resolver.WarmSet { return p.warm }

// Failed gives an error when a listener ends that nobody told to.
func (p *Program) Failed() <-chan error { return p.failed }

// build makes every part, from the ones that need nothing to those that need all.
func (p *Program) build(ctx context.Context, file *config.File) error {
	registry := prometheus.NewRegistry()
	p.registry = registry
	registerProcess(registry, p.opts.Version)
	p.reloads.begin(file, registry)
	var err error
	if err = p.buildTracing(file, registry); err != nil {
		return err
	}
	if p.listener, err = listen(file.Server.Listen, "server.listen"); err != nil {
		return err
	}
	if p.adminListener, err = listen(file.Server.Admin.Listen, "server.admin_listen"); err != nil {
		return err
	}
	if err := p.buildDatabase(file, registry); err != nil {
		return err
	}
	storage, buckets, files, err := NewStorage(ctx, file, p.opts.Log)
	if err != nil {
		return err
	}
	p.storage = storage
	if p.private, err = newPrivateParts(ctx, file, p.store, registry, p.opts.Log); err != nil {
		return err
	}
	app, err := upstream.New(file.Upstream.Place())
	if err != nil {
		return err
	}
	if p.warm, err = resolver.New(file.Resolver(), resolver.Deps{
		Database: p.asked(), URLs: storage, PrivateURLs: p.private.urls(), Log: p.opts.Log, Metrics: resolver.NewMetrics(registry),
	}); err != nil {
		return fmt.Errorf("making the warm set: %w", err)
	}
	activity := proxy.NewActivity()
	if p.renderer, err = imaging.New(file.Imaging(), imaging.Deps{
		Database: p.asked(), Storage: storage, Private: p.drafts(), Buckets: buckets, Log: p.opts.Log, Metrics: imaging.NewMetrics(registry),
		Stored: p.warm.Forget, Busy: activity.Recent, Hook: p.opts.Hook, Tracer: p.imagingTracer(), DialApp: app.Dial, AppTLS: app.TLS(),
		MayDelete: func(ctx context.Context) error { return mayDelete(ctx, p.store, storage, file.Storage.Prefix) },
	}); err != nil {
		return fmt.Errorf("making the renderer: %w", err)
	}
	p.signer = newSignerProbe(p.store, p.opts.Log)
	signer, useSigner, err := p.signer.prepare(file.Signing)
	if err != nil {
		return err
	}
	useSigner()
	if p.proxy, err = proxy.New(file.Proxy(), proxy.Deps{
		Resolver: p.resolving(p.warm.Reader()), Renderer: p.rendering(p.renderer.View()), Files: files, PrivateFiles: p.private.files, Log: p.opts.Log,
		Signer:  signer,
		Metrics: proxy.NewMetrics(registry), Activity: activity, Tracer: p.proxyTracer(), Connected: p.warm.Connected,
	}); err != nil {
		return fmt.Errorf("making the proxy: %w", err)
	}
	p.app = &appProbe{app: app}
	p.schema = &schemaProbe{store: p.store, log: p.opts.Log}
	p.stored = newStorageProbe(p.store, storage, file.Storage.Prefix, registry)
	deps := admin.Deps{
		WarmSet: p.warm, Ready: p.ready, Reconciled: p.reconciled, Explain: p.explain, Failures: p.lastFailures, Registry: registry,
		Version: p.opts.Version, Config: p.configuration, Changes: p.changes, File: p.opts.Path, Log: p.opts.Log, Memory: machine.ReadMemory(), Runbook: deploy.Runbook,
	}
	if cache := p.proxy.Responses(); cache != nil {
		deps.Responses = cache
	}
	p.admin = admin.New(file.Server.Admin, deps)
	return nil
}

func (p *Program) buildDatabase(file *config.File, registry *prometheus.Registry) error {
	cfg := file.Postgres()
	var err error
	if p.pool, err = postgres.Open(cfg, p.opts.Tracer); err != nil {
		return err
	}
	p.databaseMetrics = postgres.NewMetrics(registry)
	if p.store, err = postgres.New(cfg, p.pool, p.opts.Log, p.databaseMetrics); err != nil {
		return fmt.Errorf("making the database's part: %w", err)
	}
	return nil
}

// run starts what runs until Close.
func (p *Program) run(ctx context.Context) {
	p.warnOnce()
	p.background("notifications", func() error {
		return postgres.Listen(ctx, p.File().Postgres(), sink{p.warm, p.renderer, p.proxy}, p.opts.Log, p.databaseMetrics)
	})
	p.background("schema", func() error { p.schema.watch(ctx); return nil })
	p.background("storage", func() error { p.stored.watch(ctx); return nil })
	p.background("signing", func() error { p.signer.watch(ctx); return nil })
	if p.private.probe != nil {
		p.background("private storage", func() error { p.private.probe.watch(ctx); return nil })
	}
	p.background("history", func() error { p.admin.Sample(ctx, p.opts.HistoryStep); return nil })
	p.background("admin listener", func() error { return p.admin.Serve(p.adminListener) })
	p.background("listener", func() error { return p.proxy.Serve(p.listener) })
}

// background runs work in a goroutine that Close waits for.
func (p *Program) background(name string, work func() error) {
	p.running.Go(func() {
		err := work()
		if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
			return
		}
		p.opts.Log.Error("ended by itself", "part", name, "error", err)
		select {
		case p.failed <- fmt.Errorf("%s: %w", name, err):
		default: // the first two are enough to end the program
		}
	})
}

// Close drains: new requests are refused, those in flight and their renders have
// until ctx ends. Then everything stops.
func (p *Program) Close(ctx context.Context) error {
	err := p.proxy.Shutdown(ctx)
	return errors.Join(err, p.closeParts(ctx))
}

// closeParts ends whatever was made, the last first.
func (p *Program) closeParts(ctx context.Context) error {
	var errs []error
	if p.renderer != nil {
		errs = append(errs, p.renderer.Close(ctx))
	}
	p.stop()
	if p.admin != nil {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		errs = append(errs, p.admin.Shutdown(short))
	}
	for _, l := range []net.Listener{p.listener, p.adminListener} {
		if l != nil {
			_ = l.Close() // closed already by whoever served on it
		}
	}
	p.running.Wait()
	if p.warm != nil {
		p.warm.Close()
	}
	if p.pool != nil {
		p.pool.Close()
	}
	if closer, ok := p.storage.(io.Closer); ok {
		errs = append(errs, closer.Close())
	}
	errs = append(errs, p.private.close())
	if p.tracing != nil { // the last: it follows all the others
		errs = append(errs, p.tracing.Close(context.WithoutCancel(ctx)))
	}
	return errors.Join(errs...)
}

func listen(address, key string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}
