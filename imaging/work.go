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

// launch starts a new job's goroutine. It is called with the jobs' lock held.
func (r *Renderer) launch(j *job) {
	j.cfg = r.cfg()
	j.patience = j.cfg.Render.MaxWait
	j.holder = r.holder + "/" + strconv.FormatUint(j.number, 10)
	r.working.Go(func() { r.run(j) })
}

// run is a job's whole life. Whatever comes, nobody is left to wait: a job whose time
// is over lets everybody go, though its goroutine, and what it holds, may still be
// stuck in the step that hangs.
func (r *Renderer) run(j *job) {
	err := errPanic
	hung := time.AfterFunc(j.cfg.Render.MaxWait+r.sources.Limit()+workTime, func() {
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
	for again := true; again; {
		again, err = r.work(j)
	}
	r.log.Debug("capture done", slog.Int64("capture", int64(j.id)), slog.Bool("prefetch", j.prefetch()),
		slog.Duration("took", time.Since(began)), slog.Any("error", err))
}

// work does, in one turn, everything that a job is for. Labels that have come to
// something are finished on the way; the error is for all others. It says again where
// the job has to wait for another turn, because the host of its original has its
// share of them.
func (r *Renderer) work(j *job) (again bool, err error) {
	t, work, err := r.awaitTurn(j)
	if err != nil || t == nil {
		return false, err
	}
	defer t.giveBack()
	defer func() {
		if err != nil {
			r.jobs.end(j, err) // nobody waits for the lease to be released
		}
	}()
	r.hook("leased")
	if r.finishFromRows(j, work) == 0 || r.finishFromFailures(j, work) == 0 {
		return false, nil
	}
	at, err := r.sources.Locate(j.ctx, work.Original)
	if err != nil {
		return false, r.fault(j, work, ^labels(0), err)
	}
	if j.host = at.Host(); !t.assign(j.host) {
		r.metrics.limited.WithLabelValues("turns").Inc()
		r.jobs.queue(j, j.host)
		return true, nil
	}
	original, err := r.fetch(j, at)
	if err != nil {
		return false, r.fault(j, work, ^labels(0), err)
	}
	defer original.place.leave()
	r.hook("fetched")
	for another := true; another && err == nil; {
		if another, err = r.renderAndKeep(j, work, original.bytes); another {
			r.finishFromRows(j, work)
		}
	}
	return false, err
}

// renderAndKeep renders and keeps the labels that are asked for now, from one
// decoding. It says false when there were none, and the job is over.
func (r *Renderer) renderAndKeep(j *job, work *thumb.Work, original []byte) (another bool, err error) {
	for {
		seen := r.jobs.leaveUnlessWanted(j)
		if seen == 0 {
			return false, nil
		}
		batch, plan, err := r.plan(j, work, original, seen)
		if err != nil {
			return false, err
		}
		if batch == 0 {
			continue // those that were too big are finished; are there others?
		}
		core, err := r.await(j, "core", &r.renders, plan.memory)
		if err != nil {
			return false, err
		}
		if !r.jobs.seal(j, seen, batch) {
			core.leave() // another label joined: decode for it too
			continue
		}
		pictures, err := r.render(j, core, plan)
		if err != nil {
			return false, r.fault(j, work, ^labels(0), err)
		}
		r.hook("rendered")
		r.keep(j, work, batch, pictures)
		return true, nil
	}
}

// plan reads the original's header and says what it takes to decode it for the
// labels. Where that is above all of render.memory, it is tried for one label
// alone, and a label that is too big even so is finished: then the batch is empty.
func (r *Renderer) plan(j *job, work *thumb.Work, original []byte, wanted labels) (labels, *plan, error) {
	for _, batch := range []labels{wanted, wanted & -wanted} {
		made, err := r.inspect(original, j.specs(batch), j.cfg.Source.MaxPixels)
		if err != nil {
			return 0, nil, r.fault(j, work, ^labels(0), err)
		}
		if made.memory <= j.cfg.Render.Memory {
			return batch, made, nil
		}
		if batch == wanted&-wanted {
			err := fmt.Errorf("%w: %w: decoding takes %d bytes, render.memory is %d", thumb.ErrOriginalUnusable, thumb.ErrTooBig, made.memory, j.cfg.Render.Memory)
			r.finish(j, batch, Thumbnail{}, r.fault(j, work, batch, err))
			break
		}
	}
	return 0, nil, nil
}

func (j *job) specs(which labels) thumb.Specs {
	var specs thumb.Specs
	which.each(func(position int) { specs = append(specs, j.by.specs[position]) })
	return specs
}

// render decodes, scales and encodes, then lets go of the core. A panic is the fault
// of the picture, which is not tried again.
func (r *Renderer) render(j *job, core *place, p *plan) (pictures []render.Picture, err error) {
	defer core.leave()
	end := r.stage(j, "render")
	defer func() { end(err, slog.Int("thumbedge.thumbnails", len(pictures))) }()
	err = fmt.Errorf("%w: %w", thumb.ErrOriginalUnusable, errPanic)
	defer r.recovered("rendering a picture")
	pictures, err = p.render(j.ctx, j.cfg.Render.Quality)
	if err != nil && j.ctx.Err() != nil {
		err = causeOf(j.ctx, err)
	}
	return pictures, err
}

// finishFromRows finishes the labels that have a valid row by now: another replica,
// or the app, was faster. It returns those that are left; the job leaves where none is.
func (r *Renderer) finishFromRows(j *job, work *thumb.Work) labels {
	r.jobs.wanted(j).each(func(position int) {
		if row, needed := work.NeedsRender(j.by.specs[position]); !needed {
			r.finish(j, labelAt(position), j.shelf.at(row.Path), nil)
		}
	})
	return r.jobs.leaveUnlessWanted(j)
}

// finishFromFailures finishes the labels that this version of the original is known
// not to give. It returns those that are left; the job leaves where none is.
func (r *Renderer) finishFromFailures(j *job, work *thumb.Work) labels {
	errs := j.shelf.failures(j.by).ofVersion(work)
	r.jobs.wanted(j).each(func(position int) {
		if err := errs[position]; err != nil {
			r.finish(j, labelAt(position), Thumbnail{}, err)
		}
	})
	return r.jobs.leaveUnlessWanted(j)
}

// finish gives labels their outcome.
func (r *Renderer) finish(j *job, which labels, made Thumbnail, err error) {
	which.each(func(position int) {
		outcome := outcomeOf(made, err)
		r.metrics.jobs.WithLabelValues(outcome).Inc()
		r.log.Debug("label finished", slog.Int64("capture", int64(j.id)),
			slog.String("label", j.by.specs[position].Label), slog.String("outcome", outcome), slog.Any("error", err))
		r.jobs.finish(j, position, made, err)
	})
}

// fault remembers an original's failure, and returns it.
func (r *Renderer) fault(j *job, work *thumb.Work, which labels, err error) error {
	switch {
	case errors.Is(err, thumb.ErrOriginalUnavailable):
		j.shelf.failures(j.by).rememberUnavailable(work.Capture.ID, err)
	case errors.Is(err, thumb.ErrOriginalForApp):
		j.shelf.failures(j.by).rememberVersion(work, which, err)
		r.log.Info("original is left to the app", slog.Int64("capture", int64(work.Capture.ID)), slog.Any("reason", err))
	case errors.Is(err, thumb.ErrOriginalUnusable):
		j.shelf.failures(j.by).rememberVersion(work, which, err)
	}
	return err
}

// original is an original in hand.
type original struct {
	bytes []byte
	place *place // in the gate of originals
}

// fetch brings the original into memory. Its place among the originals is entered
// before its bytes are read: with as many as are declared, or source.max_bytes where
// nothing is.
func (r *Renderer) fetch(j *job, at source.Location) (o original, err error) {
	end := r.stage(j, "fetch")
	defer func() {
		end(err, slog.String("server.address", at.Host()), slog.Int("thumbedge.original.bytes", len(o.bytes)))
	}()
	room := func(_ context.Context, size int64) (err error) {
		o.place, err = r.await(j, "original", &r.originals, size)
		return err
	}
	bytes, err := r.sources.Fetch(j.ctx, at, room)
	if err != nil {
		if o.place != nil {
			o.place.leave()
		}
		return original{}, causeOf(j.ctx, fmt.Errorf("fetching the original: %w", err))
	}
	if spare := o.place.bytes - int64(cap(bytes)); spare > 0 {
		o.place.shrink(spare)
	}
	r.metrics.originals.Add(float64(len(bytes)))
	o.bytes = bytes
	return o, nil
}
