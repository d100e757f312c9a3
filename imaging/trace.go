package imaging

import (
	"context"
	"errors"
	"log/slog"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// A job runs on a goroutine and a context of its own, and many requests may wait for it.
// Its spans stand below that of the first of them that is recorded; the others' are
// linked to that one.

// follow has a job's spans stand below the one that a client's ctx holds.
func (r *Renderer) follow(ctx context.Context, j *job) {
	if r.tracer.Recording(ctx) && !j.followed.CompareAndSwap(nil, &ctx) {
		r.tracer.Link(ctx, *j.followed.Load())
	}
}

// traced returns the job's context, with the span below which its own stand.
func (r *Renderer) traced(j *job) context.Context {
	if followed := j.followed.Load(); followed != nil {
		return r.tracer.Adopt(j.ctx, *followed)
	}
	return j.ctx
}

// failureOf names an error as metrics do, or as OpenTelemetry does one that has no name.
func failureOf(err error) string {
	if name := outcomeOf(Thumbnail{}, err); name != "busy" || errors.Is(err, thumb.ErrBusy) {
		return name
	}
	return "_OTHER"
}

// stage begins a stage of a job, which is timed, and has a span where somebody who is
// followed waits for the job. The function that it returns ends the stage.
func (r *Renderer) stage(j *job, name string) (end func(err error, attributes ...slog.Attr)) {
	var ended func(failure string, attributes ...slog.Attr)
	if j.followed.Load() != nil {
		_, ended = r.tracer.Span(r.traced(j), name)
	}
	timed := r.metrics.stage(name)
	return func(err error, attributes ...slog.Attr) {
		timed()
		switch {
		case ended == nil:
		case err != nil:
			ended(failureOf(err), attributes...)
		default:
			ended("", attributes...)
		}
	}
}
