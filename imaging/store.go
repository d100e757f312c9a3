package imaging

import (
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

// keep stores and records the pictures of one pass, side by side, and settles
// their labels.
func (r *Renderer) keep(j *job, work *thumb.Work, batch labels, pictures []render.Picture) {
	var all sync.WaitGroup
	next := 0
	batch.each(func(position int) {
		p := pictures[next]
		next++
		all.Go(func() {
			made, err := Thumbnail{JPEG: p.JPEG}, errPanic
			defer func() { r.settleKept(j, position, p, made, err) }()
			defer r.recovered("storing a picture")
			made, err = r.keepOne(j, work, position, p)
		})
	})
	all.Wait()
}

// settleKept settles a picture's label: by its URL, or by the picture itself, which
// is remembered, where it could not be kept.
func (r *Renderer) settleKept(j *job, position int, p render.Picture, made Thumbnail, err error) {
	if err != nil && !errors.Is(err, thumb.ErrUnknownCapture) {
		r.log.Warn("thumbnail not kept", slog.Int64("capture", int64(j.id)),
			slog.String("label", r.cfg.Specs[position].Label), slog.Any("error", err))
		made, err = Thumbnail{JPEG: p.JPEG}, nil
		r.failures.rememberPicture(j.id, position, p.JPEG)
	}
	r.settle(j, labelAt(position), made, err)
}

// keepOne stores a picture and writes its row, in the order that leaves, wherever
// it stops, no row without a file and no file that nobody will find: the key is
// recorded for deletion first. That record does nothing to a file that a row names,
// so an upsert whose fate is unknown needs no repair.
func (r *Renderer) keepOne(j *job, work *thumb.Work, position int, p render.Picture) (Thumbnail, error) {
	if !r.breaker.closed() {
		return Thumbnail{}, errors.New("storage failed several times just now, and is left alone")
	}
	ctx, cancel := context.WithTimeout(j.ctx, keepTime)
	defer cancel()
	spec := r.cfg.Specs[position]
	key := r.newKey(j.id, spec.Label)

	ended := r.metrics.stage("record")
	if err := r.database.Discard(ctx, j.id, key, r.cfg.DeleteAfter+leftoverDelay); err != nil {
		return Thumbnail{}, fmt.Errorf("recording the key before its file: %w", err)
	}
	ended()
	r.hook("recorded")

	ended = r.metrics.stage("store")
	err := r.storage.Put(ctx, key, p.JPEG)
	r.breaker.note(err)
	if err != nil {
		return Thumbnail{}, fmt.Errorf("storing %s: %w", key, err)
	}
	ended()
	r.hook("stored")

	defer r.metrics.stage("upsert")()
	upserted, err := r.database.Upsert(ctx, j.id, thumb.Row{
		Label: spec.Label, Path: key, Width: spec.Width, Height: p.Height,
		Size: int64(len(p.JPEG)), LastModified: work.Version(),
	}, r.cfg.DeleteAfter)
	r.stored(j.id) // also where the fate is unknown: the row may be there
	if err != nil {
		return Thumbnail{}, fmt.Errorf("writing the row: %w", err)
	}
	r.hook("upserted")
	return r.at(upserted.Path), nil
}

// newKey makes a key that was never used before.
func (r *Renderer) newKey(id thumb.ID, label string) string {
	var digits [8]byte
	_, _ = rand.Read(digits[:]) // never fails
	return string(r.cfg.Keys.Append(nil, id, label, binary.BigEndian.Uint64(digits[:])))
}

// breaker keeps a storage that hangs from holding every turn of the cold path: when
// it has failed some times in a row, only one picture every few seconds is tried,
// and the others go to their clients as they are.
type breaker struct {
	failures atomic.Int32
	retryAt  atomic.Int64 // Unix nanoseconds
}

// closed says whether to try.
func (b *breaker) closed() bool {
	if b.failures.Load() < breakerFailures {
		return true
	}
	now, at := time.Now().UnixNano(), b.retryAt.Load()
	return now >= at && b.retryAt.CompareAndSwap(at, now+int64(breakerPause))
}

// note counts what came of a try.
func (b *breaker) note(err error) {
	if err == nil {
		b.failures.Store(0)
		return
	}
	b.retryAt.Store(time.Now().Add(breakerPause).UnixNano())
	b.failures.Add(1)
}
