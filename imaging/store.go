package imaging

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	// keepTime is what recording, storing and upserting one picture may take.
	keepTime = 40 * time.Second
	// leftoverDelay is how much longer than storage.delete_after a file that was
	// recorded before it was stored is left alone: longer than keepTime, so that no
	// sweep sees it before its row is there.
	leftoverDelay = 2 * time.Minute
	// A storage that fails so often in a row is left alone for a while.
	breakerFailures = 3
	breakerPause    = 5 * time.Second
)

// kept is one picture on its way to its row.
type kept struct {
	position int
	picture  render.Picture
	key      string
	made     Thumbnail
	err      error // of storing it
}

// keep stores and records the pictures of one decoding, and finishes their labels.
func (r *Renderer) keep(j *job, work *thumb.Work, batch labels, pictures []render.Picture) {
	var all []*kept
	batch.each(func(position int) {
		all = append(all, &kept{position: position, picture: pictures[len(all)], key: newKey(j.shelf.keys, j.id, j.by.specs[position].Label)})
	})
	err := errPanic
	defer func() {
		for _, k := range all {
			r.finishKept(j, k, cmp.Or(k.err, err))
		}
	}()
	slow := time.AfterFunc(j.cfg.Render.MaxWait, func() { r.giveUnkept(j, all) })
	defer slow.Stop()
	defer r.recovered("keeping pictures")
	err = r.keepAll(j, work, all)
}

// giveUnkept gives pictures that are not kept yet to who waits for them. Nobody waits
// longer for storage than for a turn: it goes on for itself, and whoever comes meanwhile
// gets the picture, too. Labels that the job has not come to are not had from it any more.
func (r *Renderer) giveUnkept(j *job, all []*kept) {
	j.shelf.breaker.note(errSlow)
	for _, k := range all {
		j.shelf.failures(j.by).rememberPicture(j.id, k.position, k.picture.JPEG)
		r.jobs.finish(j, k.position, Thumbnail{JPEG: k.picture.JPEG}, nil)
	}
	r.jobs.end(j, errSlow)
}

// finishKept finishes a picture's label: by its URL, or by the picture itself, which
// is remembered, where it could not be kept.
func (r *Renderer) finishKept(j *job, k *kept, err error) {
	if err != nil && !refused(err) {
		r.log.Warn("thumbnail not kept", slog.Int64("capture", int64(j.id)),
			slog.String("label", j.by.specs[k.position].Label), slog.Any("error", err))
		r.lately.note(j.id, j.by.specs[k.position].Label, causeOfKeeping(err), err)
		k.made, err = Thumbnail{JPEG: k.picture.JPEG}, nil
		j.shelf.failures(j.by).rememberPicture(j.id, k.position, k.picture.JPEG)
	}
	r.finish(j, labelAt(k.position), k.made, err)
}

// refused says whether a capture was such that no row of it could be written: it was
// deleted meanwhile, turned public or is a draft now, or has moved to another project. The
// picture is nobody's to have then by the way that it was asked for.
func refused(err error) bool {
	return errors.Is(err, thumb.ErrUnknownCapture) || errors.Is(err, thumb.ErrNotPublic) || errors.Is(err, thumb.ErrPublic)
}

// keepAll stores pictures and writes their rows, in the order that leaves, wherever
// it stops, no row without a file and no file that nobody will find: the keys are
// recorded for deletion first. That record does nothing to a file that a row names,
// so an upsert whose fate is unknown needs no repair.
//
// All labels of a decoding go together: one statement records their keys, one writes
// their rows.
func (r *Renderer) keepAll(j *job, work *thumb.Work, all []*kept) error {
	if !j.shelf.breaker.closed() {
		return errors.New("storage failed several times just now, and is left alone")
	}
	ctx, cancel := context.WithTimeout(r.traced(j), keepTime)
	defer cancel()
	ended := r.metrics.stage("record")
	var keys []string
	for _, k := range all {
		keys = append(keys, k.key)
	}
	if err := j.shelf.rows.Discard(ctx, j.id, keys, j.cfg.DeleteAfter+leftoverDelay); err != nil {
		return fmt.Errorf("recording the keys before their files: %w", err)
	}
	ended()
	r.hook("recorded")

	stored := r.putAll(ctx, j, all)
	if len(stored) == 0 {
		return nil
	}
	r.hook("stored")

	defer r.metrics.stage("upsert")()
	defer r.stored(j.id) // also where the fate is unknown: the rows may be there
	if err := r.upsert(ctx, j, work, stored); err != nil {
		return err
	}
	r.hook("upserted")
	return nil
}

// putAll stores the pictures side by side, and returns those that are confirmed.
func (r *Renderer) putAll(ctx context.Context, j *job, all []*kept) (stored []*kept) {
	end := r.stage(j, "store")
	var failed error
	defer func() { end(failed, slog.Int("thumbedge.thumbnails", len(all))) }()
	var putting sync.WaitGroup
	for _, k := range all {
		putting.Go(func() {
			if k.err = r.put(ctx, j.shelf, k); k.err != nil {
				k.err = fmt.Errorf("storing %s: %w", k.key, k.err)
			}
		})
	}
	putting.Wait()
	for _, k := range all {
		if k.err == nil {
			stored = append(stored, k)
		} else {
			failed = k.err
		}
	}
	return stored
}

// upsert writes the rows of stored pictures.
func (r *Renderer) upsert(ctx context.Context, j *job, work *thumb.Work, stored []*kept) error {
	var rows []thumb.Row
	for _, k := range stored {
		spec := j.by.specs[k.position]
		rows = append(rows, thumb.Row{
			Label: spec.Label, Path: k.key, Width: spec.Width, Height: k.picture.Height,
			Size: int64(len(k.picture.JPEG)), LastModified: work.Version(),
		})
	}
	upserted, err := j.shelf.upsert(ctx, j, rows)
	if err != nil {
		return fmt.Errorf("writing the rows: %w", err)
	}
	for i, k := range stored {
		k.made = j.shelf.at(upserted[i].Path)
	}
	return nil
}

// newKey makes a key that was never used before.
func newKey(keys thumb.Keys, id thumb.ID, label string) string {
	var digits [8]byte
	_, _ = rand.Read(digits[:]) // never fails
	return string(keys.Append(nil, id, label, binary.BigEndian.Uint64(digits[:])))
}

// breaker keeps a storage that hangs from holding every turn of the cold path: when
// it has failed some times in a row, only one picture every few seconds is tried,
// and the others go to their clients as they are.
type breaker struct {
	began    time.Time // durations count from here, by the monotonic clock
	failures atomic.Int32
	retryAt  atomic.Int64 // a duration
}

// closed says whether to try.
func (b *breaker) closed() bool {
	if b.failures.Load() < breakerFailures {
		return true
	}
	now, at := int64(time.Since(b.began)), b.retryAt.Load()
	return now >= at && b.retryAt.CompareAndSwap(at, now+int64(breakerPause))
}

// mayBeAsked says whether a try would be let through: whoever offers what only a try can
// bring must not wait for one that succeeded.
func (b *breaker) mayBeAsked() bool {
	return b.failures.Load() < breakerFailures || time.Since(b.began) >= time.Duration(b.retryAt.Load())
}

// note counts what came of a try.
func (b *breaker) note(err error) {
	if err == nil {
		b.failures.Store(0)
		return
	}
	b.retryAt.Store(int64(time.Since(b.began) + breakerPause))
	b.failures.Add(1)
}
