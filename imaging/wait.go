package imaging

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// reorder is told that a job has become another client's.
func (r *Renderer) reorder(j *job) {
	r.turns.reorder(j)
	r.originals.reorder(j)
	r.renders.reorder(j)
}

// recovered keeps a panic of one part from ending the process.
func (r *Renderer) recovered(doing string) {
	if p := recover(); p != nil {
		r.log.Error("panic", slog.String("doing", doing), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	}
}

// await enters a gate on the job's patience, and times the stage.
func (r *Renderer) await(j *job, stage string, g *gate, bytes int64) (*place, error) {
	ctx, cancel := context.WithTimeoutCause(j.ctx, j.patience, errWaited)
	defer cancel()
	began, end := time.Now(), r.stage(j, stage)
	p, err := g.enter(ctx, j, j.host, bytes)
	j.patience -= time.Since(began)
	end(err)
	if err != nil {
		return nil, causeOf(ctx, err)
	}
	return p, nil
}

var (
	errWaited = fmt.Errorf("%w: render.max_wait is over", thumb.ErrBusy)
	errHung   = fmt.Errorf("%w: the work took too long", thumb.ErrBusy)
	errPanic  = fmt.Errorf("%w: a panic while working on the capture", thumb.ErrBusy)
)
