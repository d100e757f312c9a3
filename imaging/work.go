package imaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// workTime is what a job may take beyond its waits and its fetch, for decoding,
// storing and recording all of its labels. A job that takes longer hangs.
const workTime = 2 * time.Minute

// start begins a new job's goroutine. It is called with the jobs' lock held.
func (r *Renderer) start(j *job) {
	j.patience = r.cfg.Render.MaxWait
	j.holder = r.holder + "/" + strconv.FormatUint(j.number, 10)
	r.working.Go(func() { r.run(j) })
}

// run is a job from its beginning to its end. Whatever comes, nobody is left to
// wait: a job whose time is over lets everybody go, though its goroutine, and what
// it holds, may still be stuck in the step that hangs.
func (r *Renderer) run(j *job) {
	err := errPanic
	hung := time.AfterFunc(r.cfg.Render.MaxWait+r.sources.Limit()+workTime, func() {
		r.jobs.end(j, errHung)
		j.cancel(errHung)
	})
	defer func() {
		hung.Stop()
		r.jobs.end(j, err)
		j.cancel(err)
	}()
	defer r.recovered("working on a capture")
	began := time.Now()
	err = r.work(j)
	r.log.Debug("capture done", slog.Int64("capture", int64(j.id)), slog.Bool("prefetch", j.prefetch.Load()),
		slog.Duration("took", time.Since(began)), slog.Any("error", err))
}

// work does everything that a job is for. Labels that have come to something are
// settled on the way; the error is for all others.
func (r *Renderer) work(j *job) (err error) {
	t, work, err := r.takeTurn(j)
	if err != nil || t == nil {
		return err
	}
	defer t.giveBack()
	defer func() {
		if err != nil {
			r.jobs.end(j, err) // nobody waits for the lease to be released
		}
	}()
	r.hook("leased")
	if r.settleFromRows(j, work) == 0 {
		return nil
	}
	if r.settleUnusable(j, work) == 0 {
		return nil
	}
	original, err := r.fetch(j, work)
	if err != nil {
		return r.fault(work, ^labels(0), err)
	}
	defer r.originals.leave(original.held)
	r.hook("fetched")
	for {
		again, err := r.pass(j, work, original.bytes)
		if err != nil || !again {
			return err
		}
		r.settleFromRows(j, work)
	}
}

// pass renders and keeps the labels that are asked for now, from one decoding. It
// says false when there were none, and the job is over.
func (r *Renderer) pass(j *job, work *thumb.Work, original []byte) (again bool, err error) {
	for {
		seen := r.jobs.remaining(j)
		if seen == 0 {
			return false, nil
		}
		batch, plan, err := r.plan(j, work, original, seen)
		if err != nil {
			return false, err
		}
		if batch == 0 {
			continue // those that were too big are settled; are there others?
		}
		if err := r.await(j, "core", &r.renders, plan.memory); err != nil {
			return false, err
		}
		if !r.jobs.seal(j, seen, batch) {
			r.renders.leave(plan.memory) // another label joined: decode for it too
			continue
		}
		pictures, err := r.render(j, plan)
		if err != nil {
			return false, r.fault(work, ^labels(0), err)
		}
		r.hook("rendered")
		r.keep(j, work, batch, pictures)
		return true, nil
	}
}

// plan reads the original's header and says what it takes to decode it for the
// labels. Where that is above all of render.memory, it is tried for one label
// alone, and a label that is too big even so is settled: then the batch is empty.
func (r *Renderer) plan(j *job, work *thumb.Work, original []byte, wanted labels) (labels, *plan, error) {
	for _, batch := range []labels{wanted, wanted & -wanted} {
		made, err := r.inspect(original, r.specs(batch), r.cfg.Source.MaxPixels)
		if err != nil {
			return 0, nil, r.fault(work, ^labels(0), err)
		}
		if made.memory <= r.cfg.Render.Memory {
			return batch, made, nil
		}
		if batch == wanted&-wanted {
			err := fmt.Errorf("%w: decoding takes %d bytes, render.memory is %d", thumb.ErrOriginalUnusable, made.memory, r.cfg.Render.Memory)
			r.settle(j, batch, Thumbnail{}, r.fault(work, batch, err))
			break
		}
	}
	return 0, nil, nil
}

func (r *Renderer) specs(which labels) thumb.Specs {
	var specs thumb.Specs
	which.each(func(position int) { specs = append(specs, r.cfg.Specs[position]) })
	return specs
}

// render decodes, scales and encodes, then leaves the gate. A panic is the fault
// of the picture, which is not tried again.
func (r *Renderer) render(j *job, p *plan) (pictures []render.Picture, err error) {
	defer r.renders.leave(p.memory)
	defer r.metrics.stage("render")()
	err = fmt.Errorf("%w: %w", thumb.ErrOriginalUnusable, errPanic)
	defer r.recovered("rendering a picture")
	pictures, err = p.render(j.ctx, r.cfg.Render.Quality)
	if err != nil && j.ctx.Err() != nil {
		err = causeOf(j.ctx, err)
	}
	return pictures, err
}

// settleFromRows settles the labels that have a valid row by now: another replica,
// or the app, was faster. It returns those that are left.
func (r *Renderer) settleFromRows(j *job, work *thumb.Work) labels {
	r.jobs.remaining(j).each(func(position int) {
		if row, needed := work.NeedsRender(r.cfg.Specs[position]); !needed {
			r.settle(j, labelAt(position), r.at(row.Path), nil)
		}
	})
	return r.jobs.remaining(j)
}

// settleUnusable settles the labels that this version of the original is known not
// to give. It returns those that are left.
func (r *Renderer) settleUnusable(j *job, work *thumb.Work) labels {
	which, err := r.failures.unusable(work)
	(r.jobs.remaining(j) & which).each(func(position int) { r.settle(j, labelAt(position), Thumbnail{}, err) })
	return r.jobs.remaining(j)
}

// settle gives labels their outcome.
func (r *Renderer) settle(j *job, which labels, made Thumbnail, err error) {
	which.each(func(position int) {
		outcome := outcomeOf(made, err)
		r.metrics.jobs.WithLabelValues(outcome).Inc()
		r.log.Debug("label settled", slog.Int64("capture", int64(j.id)),
			slog.String("label", r.cfg.Specs[position].Label), slog.String("outcome", outcome), slog.Any("error", err))
		r.jobs.settle(j, position, made, err)
	})
}

// fault remembers an original's failure, and returns it.
func (r *Renderer) fault(work *thumb.Work, which labels, err error) error {
	switch {
	case errors.Is(err, thumb.ErrOriginalUnavailable):
		r.failures.rememberUnavailable(work.Capture.ID, err)
	case errors.Is(err, thumb.ErrOriginalUnusable):
		r.failures.rememberUnusable(work, which, err)
	}
	return err
}

// at is the thumbnail whose file lies under path.
func (r *Renderer) at(path string) Thumbnail {
	url, expires := r.storage.AppendURL(nil, []byte(path))
	return Thumbnail{URL: string(url), Expires: expires}
}

// original is an original in hand.
type original struct {
	bytes []byte
	held  int64 // of the gate of originals, to be left
}

// fetch brings the original into memory. Its size is taken from the gate before
// its bytes are read: as declared, or source.max_bytes where nothing is.
func (r *Renderer) fetch(j *job, work *thumb.Work) (original, error) {
	defer r.metrics.stage("fetch")()
	var held int64
	entered := false
	room := func(_ context.Context, size int64) error {
		if err := r.await(j, "original", &r.originals, size); err != nil {
			return err
		}
		held, entered = size, true
		return nil
	}
	bytes, err := r.read(j.ctx, work, room)
	if err != nil {
		if entered {
			r.originals.leave(held)
		}
		return original{}, causeOf(j.ctx, fmt.Errorf("fetching the original: %w", err))
	}
	if spare := held - int64(cap(bytes)); spare > 0 {
		r.originals.shrink(spare)
		held -= spare
	}
	r.metrics.originals.Add(float64(len(bytes)))
	return original{bytes: bytes, held: held}, nil
}

// read brings the original into memory.
func (r *Renderer) read(ctx context.Context, work *thumb.Work, room source.Room) ([]byte, error) {
	at, err := r.sources.Locate(ctx, work.Original)
	if err != nil {
		return nil, err
	}
	return r.sources.Fetch(ctx, at, room)
}
