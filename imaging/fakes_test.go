package imaging

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// memoryDatabase keeps what the real one keeps, by the same rules (deps.go), so
// that interleavings can be scripted. Its clock is the process's, which a test may
// set back or forward. The real one is tested in postgres_test.go.
type memoryDatabase struct {
	mu       sync.Mutex
	captures map[thumb.ID]*thumb.Work
	leases   map[thumb.ID]lease
	files    map[string]discarded // recorded for deletion
	upserts  int
	taken    int // leases
	skew     time.Duration

	// Before each call of an operation ("lease", "upsert", "discard" …), fail is
	// asked; an error it returns is the operation's, which is then not done.
	fail func(operation string) error
	// lost is asked after an upsert was done; its error is what the caller sees.
	lost func() error
}

type lease struct {
	holder string
	until  time.Time
}

type discarded struct {
	id thumb.ID
	at time.Time
}

func newMemoryDatabase() *memoryDatabase {
	return &memoryDatabase{
		captures: map[thumb.ID]*thumb.Work{}, leases: map[thumb.ID]lease{}, files: map[string]discarded{},
		fail: func(string) error { return nil }, lost: func() error { return nil },
	}
}

// add makes a public capture.
func (d *memoryDatabase) add(id thumb.ID, base, path string, modified time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.captures[id] = &thumb.Work{
		Capture:  thumb.Capture{ID: id, Public: true, LastModified: modified},
		Original: thumb.Original{PublicBaseURL: base, Path: path},
	}
}

func (d *memoryDatabase) edit(id thumb.ID, edit func(*thumb.Work)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	edit(d.captures[id])
}

func (d *memoryDatabase) remove(id thumb.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.captures, id)
}

func (d *memoryDatabase) row(id thumb.ID, label string) *thumb.Row {
	d.mu.Lock()
	defer d.mu.Unlock()
	if row := d.captures[id].Capture.Row(label); row != nil {
		copied := *row
		return &copied
	}
	return nil
}

func (d *memoryDatabase) now() time.Time { return time.Now().Add(d.skew) }

func (d *memoryDatabase) begin(ctx context.Context, operation string) (func(), error) {
	if err := d.fail(operation); err != nil {
		return nil, errors.Join(thumb.ErrDatabase, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(thumb.ErrDatabase, err)
	}
	d.mu.Lock()
	return d.mu.Unlock, nil
}

func (d *memoryDatabase) Lease(ctx context.Context, id thumb.ID, holder string, ttl time.Duration) (thumb.Work, error) {
	end, err := d.begin(ctx, "lease")
	if err != nil {
		return thumb.Work{}, err
	}
	defer end()
	work, err := d.read(id)
	if err != nil {
		return thumb.Work{}, err
	}
	if other, ok := d.leases[id]; ok && other.holder != holder && d.now().Before(other.until) {
		work.HeldFor = other.until.Sub(d.now())
		return work, nil
	}
	d.taken++
	d.leases[id] = lease{holder, d.now().Add(ttl)}
	work.Held = true
	return work, nil
}

func (d *memoryDatabase) Original(ctx context.Context, id thumb.ID) (thumb.Work, error) {
	end, err := d.begin(ctx, "original")
	if err != nil {
		return thumb.Work{}, err
	}
	defer end()
	return d.read(id)
}

func (d *memoryDatabase) read(id thumb.ID) (thumb.Work, error) {
	kept, ok := d.captures[id]
	if !ok {
		return thumb.Work{}, thumb.ErrUnknownCapture
	}
	work := *kept
	work.Capture.Rows = slices.Clone(kept.Capture.Rows)
	work.Now = d.now()
	return work, nil
}

func (d *memoryDatabase) Prolong(ctx context.Context, id thumb.ID, holder string, ttl time.Duration) (bool, error) {
	end, err := d.begin(ctx, "prolong")
	if err != nil {
		return false, err
	}
	defer end()
	if d.leases[id].holder != holder {
		return false, nil
	}
	d.leases[id] = lease{holder, d.now().Add(ttl)}
	return true, nil
}

func (d *memoryDatabase) Release(ctx context.Context, id thumb.ID, holder string) error {
	end, err := d.begin(ctx, "release")
	if err != nil {
		return err
	}
	defer end()
	if d.leases[id].holder == holder {
		delete(d.leases, id)
	}
	return nil
}

func (d *memoryDatabase) Upsert(ctx context.Context, id thumb.ID, rows []thumb.Row, deleteAfter time.Duration) ([]thumb.Upserted, error) {
	end, err := d.begin(ctx, "upsert")
	if err != nil {
		return nil, err
	}
	defer end()
	work, ok := d.captures[id]
	if !ok {
		return nil, thumb.ErrUnknownCapture
	}
	var all []thumb.Upserted
	for _, row := range rows {
		all = append(all, d.upsert(work, row, deleteAfter))
	}
	return all, d.lost()
}

func (d *memoryDatabase) upsert(work *thumb.Work, row thumb.Row, deleteAfter time.Duration) thumb.Upserted {
	row.UpdatedAt = d.now()
	d.upserts++
	old := work.Capture.Row(row.Label)
	switch {
	case old == nil:
		work.Capture.Rows = append(work.Capture.Rows, row)
	case old.Path != "" && old.Width == row.Width && old.LastModified.After(row.LastModified):
		d.files[row.Path] = discarded{work.Capture.ID, d.now().Add(deleteAfter)}
		return thumb.Upserted{Path: old.Path}
	default:
		if old.Path != "" {
			d.files[old.Path] = discarded{work.Capture.ID, d.now().Add(deleteAfter)}
		}
		*old = row
	}
	delete(d.files, row.Path)
	return thumb.Upserted{Path: row.Path, Won: true}
}

func (d *memoryDatabase) Discard(ctx context.Context, id thumb.ID, paths []string, after time.Duration) error {
	end, err := d.begin(ctx, "discard")
	if err != nil {
		return err
	}
	defer end()
	for _, path := range paths {
		d.files[path] = discarded{id, d.now().Add(after)}
	}
	return nil
}

func (d *memoryDatabase) Sweep(ctx context.Context, limit int, remove func(context.Context, thumb.ID, string) error) (int, error) {
	end, err := d.begin(ctx, "sweep")
	if err != nil {
		return 0, err
	}
	defer end()
	gone := 0
	for path, file := range d.files {
		if d.now().Before(file.at) || gone == limit {
			continue
		}
		if work := d.captures[file.id]; work == nil || !slices.ContainsFunc(work.Capture.Rows, func(r thumb.Row) bool { return r.Path == path }) {
			if err := remove(ctx, file.id, path); err != nil {
				return gone, err
			}
		}
		delete(d.files, path)
		gone++
	}
	return gone, nil
}
