package program

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/tracing"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What can be followed from outside of a package is followed here, by what stands between
// it and its user. Where nothing is traced nothing stands there.

var (
	_ proxy.Tracer   = (*tracing.Tracing)(nil)
	_ imaging.Tracer = (*tracing.Tracing)(nil)
)

// buildTracing makes what follows requests, where the file says so.
func (p *Program) buildTracing(file *config.File, registry *prometheus.Registry) (err error) {
	if !file.Tracing.Enabled() {
		return nil
	}
	if p.tracing, err = tracing.New(file.Tracing, p.opts.Version, p.opts.Log, registry); err != nil {
		return err
	}
	p.opts.Log = p.tracing.Log(p.opts.Log)
	return nil
}

// database is the store as the warm set and the cold path ask it.
type database interface {
	resolver.Database
	imaging.Database
}

// asked returns the store, followed where anything is.
func (p *Program) asked() database {
	if p.tracing == nil {
		return p.store
	}
	return tracedStore{p.store, p.calls()}
}

// drafts returns what the cold path does drafts with.
func (p *Program) drafts() *imaging.Private {
	private := p.private.imaging(p.store)
	if private != nil && p.tracing != nil {
		private.Rows = tracedRows{p.store.Private(), p.calls()}
	}
	return private
}

func (p *Program) calls() calls {
	server := p.pool.Config().ConnConfig
	return calls{p.tracing, server.Host, int(server.Port), server.Database}
}

// proxyTracer returns what follows requests; nil where nothing does.
func (p *Program) proxyTracer() proxy.Tracer {
	if p.tracing == nil {
		return nil
	}
	return p.tracing
}

func (p *Program) imagingTracer() imaging.Tracer {
	if p.tracing == nil {
		return nil
	}
	return p.tracing
}

// resolving returns the warm set of a configuration as the proxy asks it.
func (p *Program) resolving(reader *resolver.Reader) proxy.Resolver {
	if p.tracing == nil {
		return reader
	}
	return tracedReader{reader, p.tracing}
}

// rendering returns the cold path of a configuration as the proxy asks it.
func (p *Program) rendering(view *imaging.View) proxy.Renderer {
	r := renderer{view, p.private.probe}
	if p.tracing == nil {
		return r
	}
	return tracedRenderer{r, p.tracing}
}

// calls has a span for each operation on the database that a recorded request waits for,
// named as thumbedge_database_seconds names it.
type calls struct {
	tracing  *tracing.Tracing
	host     string
	port     int
	database string
}

// call does an operation within its span.
func (c calls) call(ctx context.Context, operation string, do func(context.Context) error) error {
	ctx, end := c.tracing.Call(ctx, operation)
	err := do(ctx)
	if end != nil {
		end(failureOf(err), slog.String("db.system.name", "postgresql"), slog.String("db.namespace", c.database), slog.String("db.query.summary", operation),
			slog.String("server.address", c.host), slog.Int("server.port", c.port))
	}
	return err
}

// tracedStore is the store, what the warm set and the cold path wait for followed.
type tracedStore struct {
	*postgres.Store
	calls
}

// tracedRows is the table of private thumbnails, likewise.
type tracedRows struct {
	*postgres.Table
	calls
}

func (s tracedStore) Captures(ctx context.Context, ids []thumb.ID) (captures []thumb.Capture, err error) {
	err = s.call(ctx, "captures", func(ctx context.Context) error {
		captures, err = s.Store.Captures(ctx, ids)
		return err
	})
	return captures, err
}

func (s tracedStore) Lease(ctx context.Context, id thumb.ID, holder string, ttl time.Duration) (work thumb.Work, err error) {
	err = s.call(ctx, "lease", func(ctx context.Context) error {
		work, err = s.Store.Lease(ctx, id, holder, ttl)
		return err
	})
	return work, err
}

func (s tracedStore) Original(ctx context.Context, id thumb.ID) (work thumb.Work, err error) {
	err = s.call(ctx, "original", func(ctx context.Context) error {
		work, err = s.Store.Original(ctx, id)
		return err
	})
	return work, err
}

func (s tracedStore) Upsert(ctx context.Context, id thumb.ID, rows []thumb.Row, deleteAfter time.Duration) (upserted []thumb.Upserted, err error) {
	err = s.call(ctx, "upsert", func(ctx context.Context) error {
		upserted, err = s.Store.Upsert(ctx, id, rows, deleteAfter)
		return err
	})
	return upserted, err
}

func (s tracedStore) Discard(ctx context.Context, id thumb.ID, paths []string, after time.Duration) error {
	return s.call(ctx, "discard", func(ctx context.Context) error { return s.Store.Discard(ctx, id, paths, after) })
}

func (r tracedRows) UpsertDraft(ctx context.Context, id thumb.ID, project int64, rows []thumb.Row, deleteAfter time.Duration) (upserted []thumb.Upserted, err error) {
	err = r.call(ctx, "upsert", func(ctx context.Context) error {
		upserted, err = r.Table.UpsertDraft(ctx, id, project, rows, deleteAfter)
		return err
	})
	return upserted, err
}

func (r tracedRows) Discard(ctx context.Context, id thumb.ID, paths []string, after time.Duration) error {
	return r.call(ctx, "discard", func(ctx context.Context) error { return r.Table.Discard(ctx, id, paths, after) })
}

// tracedReader has a span for each time that the warm set is asked.
type tracedReader struct {
	*resolver.Reader
	tracing *tracing.Tracing
}

func (w tracedReader) Resolve(ctx context.Context, ids []thumb.ID, known []thumb.Known) error {
	ctx, end := w.tracing.Span(ctx, "resolve")
	err := w.Reader.Resolve(ctx, ids, known)
	if end != nil {
		end(failureOf(err), slog.Int("thumbedge.captures", len(ids)))
	}
	return err
}

func (w tracedReader) Fresh(ctx context.Context, id thumb.ID) (thumb.Known, error) {
	ctx, end := w.tracing.Span(ctx, "fresh")
	known, err := w.Reader.Fresh(ctx, id)
	if end != nil {
		end(failureOf(err), slog.Int64("thumbedge.capture", int64(id)))
	}
	return known, err
}

// tracedRenderer has a span for each thumbnail that a client waits for.
type tracedRenderer struct {
	renderer
	tracing *tracing.Tracing
}

func (r tracedRenderer) Thumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int) (proxy.Thumbnail, error) {
	ctx, end := r.tracing.Span(ctx, "thumbnail")
	made, err := r.renderer.Thumbnail(ctx, client, id, position)
	r.end(end, err, id, position)
	return made, err
}

func (r tracedRenderer) PrivateThumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int, project int64) (proxy.Thumbnail, error) {
	ctx, end := r.tracing.Span(ctx, "thumbnail")
	made, err := r.renderer.PrivateThumbnail(ctx, client, id, position, project)
	r.end(end, err, id, position)
	return made, err
}

func (r tracedRenderer) end(end func(string, ...slog.Attr), err error, id thumb.ID, position int) {
	if end != nil {
		end(failureOf(err), slog.Int64("thumbedge.capture", int64(id)), slog.String("thumbedge.label", r.Specs()[position].Label))
	}
}

// failures are the kinds of errors as spans name them.
var failures = []struct {
	err  error
	name string
}{
	{thumb.ErrUnknownCapture, "unknown_capture"}, {thumb.ErrNotPublic, "not_public"}, {thumb.ErrPublic, "public"},
	{thumb.ErrOriginalForApp, "for_app"}, {thumb.ErrOriginalUnavailable, "unavailable"}, {thumb.ErrOriginalUnusable, "unusable"},
	{thumb.ErrBusy, "busy"}, {thumb.ErrDatabase, "database"}, {thumb.ErrInternal, "internal"},
}

func failureOf(err error) string {
	if err == nil {
		return ""
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.name
		}
	}
	return "_OTHER"
}
