package imaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	// leaseTTL is how long a replica that died keeps others from a capture, and
	// leaseRenewal how often one that lives says so: two may fail in a row.
	leaseTTL     = 8 * time.Second
	leaseRenewal = leaseTTL / 4
	// databaseTimeout bounds one statement. The implementation has limits of its
	// own; this one is for the case that it has not.
	databaseTimeout = 30 * time.Second
	// Where another replica holds the lease, it is asked for again after a pause
	// that doubles from the first to the last; a notification ends it early.
	firstPause = 50 * time.Millisecond
	shortPause = 10 * time.Millisecond // where the lease is about to lapse
	lastPause  = 500 * time.Millisecond
)

// errLeased: another replica was at work on the capture for all of max_wait.
var errLeased = fmt.Errorf("%w: another replica is at work on the capture", thumb.ErrBusy)

// turn is a job's permission to work: its place among the turns and its lease,
// which is prolonged until the turn is given back.
type turn struct {
	*place
	r       *Renderer
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// awaitTurn waits for the job's turn and for its lease, and reads what there is to
// work from. While another replica holds the lease, the turn is given back, so
// that nobody waits behind a job that does nothing; labels that the other has made
// meanwhile are finished from their rows. The turn is nil when nothing is left.
func (r *Renderer) awaitTurn(j *job) (*turn, *thumb.Work, error) {
	elsewhere := false
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		t, work, err := r.tryTurn(j)
		if elsewhere && errors.Is(err, errWaited) {
			err = errLeased // which it waited for; the last look found no turn free
		}
		if err != nil || t != nil {
			return t, work, err
		}
		elsewhere = true
		if r.finishFromRows(j, work) == 0 {
			return nil, nil, nil
		}
		if err := r.pause(j, max(min(pause, work.HeldFor), shortPause)); err != nil {
			return nil, nil, err
		}
	}
}

// tryTurn waits for a turn and asks for the lease. The turn is nil, and given back,
// where another replica holds it.
func (r *Renderer) tryTurn(j *job) (*turn, *thumb.Work, error) {
	place, err := r.await(j, "wait", &r.turns, 0)
	if err != nil {
		return nil, nil, err
	}
	held := false
	defer func() {
		if !held {
			place.leave()
		}
	}()
	if !r.jobs.start(j) {
		return nil, nil, errDropped
	}
	work, err := r.lease(j)
	if err != nil || !work.Held {
		return nil, work, err
	}
	held = true
	t := &turn{place: place, r: r}
	t.prolong()
	return t, work, nil
}

// lease asks for the lease once. One that was taken for a capture that must not be
// worked on is released before the error is returned.
func (r *Renderer) lease(j *job) (*thumb.Work, error) {
	defer r.metrics.stage("lease")()
	ctx, cancel := context.WithTimeout(r.traced(j), databaseTimeout)
	defer cancel()
	work, err := r.database.Lease(ctx, j.id, j.holder, leaseTTL)
	switch {
	case err != nil:
		r.metrics.leases.WithLabelValues("failed").Inc()
		if !errors.Is(err, thumb.ErrUnknownCapture) && !errors.Is(err, thumb.ErrDatabase) && !errors.Is(err, thumb.ErrInternal) {
			err = fmt.Errorf("%w: %w", thumb.ErrDatabase, err)
		}
		return nil, fmt.Errorf("taking the lease: %w", err)
	case !work.Held:
		r.metrics.leases.WithLabelValues("held_elsewhere").Inc()
	default:
		r.metrics.leases.WithLabelValues("taken").Inc()
	}
	if err := j.admits(&work.Capture); err != nil {
		if work.Held {
			r.release(j)
		}
		return nil, err
	}
	return &work, nil
}

// pause waits before the lease is asked for again, for about so long, for what is
// left of the job's patience at most, and no longer once a notification names the
// capture.
func (r *Renderer) pause(j *job, about time.Duration) error {
	if j.patience <= 0 {
		return errLeased
	}
	began := time.Now()
	timer := time.NewTimer(min(about/2+rand.N(about/2), j.patience))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-j.changed:
	case <-j.ctx.Done():
		return causeOf(j.ctx, j.ctx.Err())
	}
	waited := time.Since(began)
	j.patience -= waited
	r.metrics.stages.WithLabelValues("elsewhere").Observe(waited.Seconds())
	return nil
}

// prolong keeps the lease until the turn ends. A lease that was lost all the same
// stops nothing: another replica may do the work twice, and the rule of the upsert
// decides whose file is named.
func (t *turn) prolong() {
	ctx, stop := context.WithCancel(t.job.ctx)
	t.stop = stop
	t.stopped.Go(func() {
		ticker := time.NewTicker(leaseRenewal)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if !t.r.prolong(ctx, t.job) {
				return
			}
		}
	})
}

// prolong extends the lease once, and says whether to go on doing so.
func (r *Renderer) prolong(ctx context.Context, j *job) (goOn bool) {
	defer r.recovered("prolonging a lease")
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	held, err := r.database.Prolong(ctx, j.id, j.holder, leaseTTL)
	if err == nil && !held {
		r.metrics.leases.WithLabelValues("lost").Inc()
		r.log.Info("lease lost", slog.Int64("capture", int64(j.id)))
	}
	return err != nil || held // an error is tried again
}

// giveBack ends the turn: the lease is released, then the place.
func (t *turn) giveBack() {
	t.stop()
	t.stopped.Wait()
	t.r.release(t.job)
	t.leave()
}

// release gives up the lease. Where that fails it lapses by itself.
func (r *Renderer) release(j *job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(j.ctx), databaseTimeout)
	defer cancel()
	if err := r.database.Release(ctx, j.id, j.holder); err != nil {
		r.log.Debug("lease not released", slog.Int64("capture", int64(j.id)), slog.Any("error", err))
	}
}
