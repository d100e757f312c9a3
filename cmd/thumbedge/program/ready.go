package program

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/machine"
	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/proxy/wire/upstream"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// The states of a part, as /readyz shows them.
const (
	ok       = "ok"
	degraded = "degraded"
	down     = "down"
)

// ready says how every part is. Only the app and a shutdown make thumbedge unready:
// without any other part its clients get what the app answers.
func (p *Program) ready(ctx context.Context) admin.Readiness {
	parts := []admin.Part{
		p.app.state(ctx),
		p.databaseState(ctx),
		p.listenerState(),
		p.schema.state(),
		p.stored.state(),
		p.spoolState(),
		p.responsesState(),
		engineState(),
		p.reloads.state(),
	}
	if part, shown := p.signer.state(); shown {
		parts = append(parts, part)
	}
	if p.private.probe != nil {
		parts = append(parts, p.private.probe.state())
	}
	draining := p.proxy.Draining()
	if draining {
		parts = append(parts, admin.Part{Name: "proxy", State: down, Effect: "shutting down"})
	}
	return admin.Readiness{Ready: parts[0].State == ok && !draining, Parts: parts}
}

func (p *Program) databaseState(ctx context.Context) admin.Part {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	readOnly, err := p.schema.store.ReadOnly(ctx)
	if err != nil {
		return admin.Part{Name: "database", State: down,
			Effect: "pages show what the warm set knows, then go out as the app wrote them; no thumbnail is rendered: " + err.Error()}
	}
	if readOnly != "" {
		return admin.Part{Name: "database", State: degraded,
			Effect: "it takes no writes (" + readOnly + "): what is rendered is not recorded, so it is rendered again each time; replicas do not coordinate"}
	}
	return admin.Part{Name: "database", State: ok}
}

func (p *Program) listenerState() admin.Part {
	if p.warm.State().Connected {
		return admin.Part{Name: "notifications", State: ok}
	}
	return admin.Part{Name: "notifications", State: degraded,
		Effect: "the warm set trusts what it knows for cache.ttl_unlistened only, so more pages need a query"}
}

// spoolState looks at where bodies wait for a slow side.
func (p *Program) spoolState() admin.Part {
	if notice := p.proxy.SpoolNotice(); notice != "" {
		return admin.Part{Name: "spool", State: degraded, Effect: notice}
	}
	return admin.Part{Name: "spool", State: ok}
}

// responsesState says whether pages of which the app says nothing are shared as configured.
func (p *Program) responsesState() admin.Part {
	cfg := p.File().Responses
	if cfg.Enabled && cfg.AnonymousPages+cfg.StaleIfError > 0 && !p.warm.Connected() {
		return admin.Part{Name: "responses", State: degraded,
			Effect: "responses.anonymous_pages and stale_if_error are off while no notification would tell of a project that turns draft: each page costs the app a request"}
	}
	return admin.Part{Name: "responses", State: ok}
}

func engineState() admin.Part {
	if render.Engine() == "turbojpeg" {
		return admin.Part{Name: "engine", State: ok}
	}
	return admin.Part{Name: "engine", State: degraded,
		Effect: "pure Go rendering takes several times the CPU and writes baseline JPEG; build with -tags turbojpeg"}
}

// appProbe asks whether the app accepts connections, at most once a second.
type appProbe struct {
	app *upstream.App

	mu    sync.Mutex
	asked time.Time
	last  admin.Part
}

func (a *appProbe) state(ctx context.Context) admin.Part {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.asked) < time.Second {
		return a.last
	}
	a.last, a.asked = admin.Part{Name: "app", State: ok}, time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := a.app.Connect(ctx)
	if err == nil {
		_ = conn.Close()
	}
	if err != nil {
		a.last = admin.Part{Name: "app", State: down, Effect: "clients get 502: " + err.Error()}
	}
	return a.last
}

// schemaProbe watches whether the proxy's own schema and triggers are installed,
// so that `thumbedge migrate up` beside a running proxy is noticed. The store logs
// what has changed.
type schemaProbe struct {
	store *postgres.Store
	log   *slog.Logger
	found atomic.Pointer[postgres.Installed]
	newer atomic.Pointer[string] // the migration of a newer thumbedge that is applied; nil: none
}

func (s *schemaProbe) watch(ctx context.Context) {
	again := time.NewTicker(10 * time.Second)
	defer again.Stop()
	for {
		if installed, err := s.store.Installed(ctx); err == nil {
			s.found.Store(&installed)
		}
		s.lookForNewer(ctx)
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// lookForNewer notes, and says once, that a newer thumbedge made the schema.
func (s *schemaProbe) lookForNewer(ctx context.Context) {
	number, name, err := s.store.NewestMigration(ctx)
	switch {
	case err != nil:
	case number <= migrations.Latest():
		s.newer.Store(nil)
	case s.newer.Load() == nil:
		newest := fmt.Sprintf("%04d %s", number, name)
		s.newer.Store(&newest)
		s.log.Warn("a newer thumbedge made the schema: use that one", "migration", newest, "known", migrations.Latest())
	}
}

func (s *schemaProbe) state() admin.Part {
	part := admin.Part{Name: "schema", State: degraded}
	switch installed := s.found.Load(); {
	case installed == nil:
		part.Effect = "not known yet: the database has not answered"
	case !installed.Schema:
		part.Effect = "coalescing is per process, replaced files are left for reconcile, changes show after cache.ttl_unlistened; run thumbedge migrate up"
	case !installed.Triggers:
		part.Effect = "no notifications of changes: they show after cache.ttl_unlistened; run thumbedge migrate up"
	case s.newer.Load() != nil:
		part.Effect = "a newer thumbedge made it (migration " + *s.newer.Load() + "), which this one leaves alone: use the newer one"
	default:
		part.State = ok
	}
	return part
}

// warnOnce says what an operator should know of this process from the start.
func (p *Program) warnOnce() {
	if engine := engineState(); engine.State != ok {
		p.opts.Log.Warn("rendering in pure Go", "effect", engine.Effect)
	}
	if err := p.File().FitsDescriptors(machine.Descriptors()); err != nil {
		p.opts.Log.Warn("too few file descriptors", "effect", err.Error())
	}
}
