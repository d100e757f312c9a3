package resolver_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const keys = thumb.Keys("thumbnails/")

var specs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}

// table is a database in memory. It counts queries, and a test may hold them: a
// held query has read its rows, and returns when it is let go.
type table struct {
	mu       sync.Mutex
	captures map[thumb.ID]thumb.Capture
	queries  [][]thumb.ID
	err      error
	panics   bool
	hold     chan struct{} // nil: answers at once
	began    chan struct{} // nil, or told when a query has read
}

func newTable(captures ...thumb.Capture) *table {
	t := &table{captures: make(map[thumb.ID]thumb.Capture)}
	for _, c := range captures {
		t.captures[c.ID] = c
	}
	return t
}

func (t *table) Captures(ctx context.Context, ids []thumb.ID) ([]thumb.Capture, error) {
	t.mu.Lock()
	t.queries = append(t.queries, ids)
	var found []thumb.Capture
	for _, id := range ids {
		if c, ok := t.captures[id]; ok {
			found = append(found, c)
		}
	}
	err, panics, hold, began := t.err, t.panics, t.hold, t.began
	t.mu.Unlock()
	if panics {
		panic("the table is broken")
	}
	if began != nil {
		began <- struct{}{}
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", thumb.ErrDatabase, ctx.Err())
		}
	}
	return found, err
}

func (t *table) set(edit func(t *table)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	edit(t)
}

// held makes queries from now on wait until release is called.
func (t *table) held() (release func()) {
	hold := make(chan struct{})
	t.set(func(t *table) { t.hold = hold })
	return sync.OnceFunc(func() {
		t.set(func(t *table) { t.hold = nil })
		close(hold)
	})
}

func (t *table) put(c thumb.Capture) { t.set(func(t *table) { t.captures[c.ID] = c }) }

func (t *table) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queries)
}

// warm is a public capture whose labels are all warm, each at a key with digits.
func warm(id thumb.ID, digits uint64) thumb.Capture {
	c := thumb.Capture{ID: id, Public: true}
	for _, spec := range specs {
		c.Rows = append(c.Rows, thumb.Row{
			Label: spec.Label, Width: spec.Width, Path: string(keys.Append(nil, id, spec.Label, digits)),
		})
	}
	return c
}

func warmRange(first, last thumb.ID) []thumb.Capture {
	var captures []thumb.Capture
	for id := first; id <= last; id++ {
		captures = append(captures, warm(id, uint64(id)))
	}
	return captures
}

func idRange(first, last thumb.ID) []thumb.ID {
	var ids []thumb.ID
	for id := first; id <= last; id++ {
		ids = append(ids, id)
	}
	return ids
}

// mediaURLs puts "/media/" before the key.
type mediaURLs struct{}

func (mediaURLs) StorageURLs() thumb.StorageURLs { return thumb.StorageURLs{Base: "/media/"} }

func config() resolver.Config {
	cfg := resolver.Defaults()
	cfg.Specs = specs
	cfg.MaxSize = 4 << 20
	return cfg
}

func newWarmSet(t testing.TB, db resolver.Database, edit ...func(*resolver.Config)) *resolver.WarmSet {
	t.Helper()
	cfg := config()
	for _, e := range edit {
		e(&cfg)
	}
	w, err := resolver.New(cfg, resolver.Deps{Database: db, URLs: mediaURLs{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// patient is for tests on the real clock, on a machine that may be busy.
func patient(c *resolver.Config) { c.PageTimeout, c.TTLUnlistened = 20*time.Second, time.Hour }

func sized(bytes int64) func(*resolver.Config) {
	return func(c *resolver.Config) { c.MaxSize = bytes }
}

// page resolves ids as a page does.
func page(t testing.TB, w *resolver.WarmSet, ids ...thumb.ID) []thumb.Known {
	t.Helper()
	answers := make([]thumb.Known, len(ids))
	if err := w.Resolve(t.Context(), ids, answers); err != nil {
		t.Fatalf("resolving %d captures: %v", len(ids), err)
	}
	return answers
}

// smallDigits returns the digits of the small label, or 0 where it is not warm:
// what the tests tell answers apart by.
func smallDigits(a thumb.Known) uint64 {
	if a.Standing != thumb.Public || a.Verdicts[0] != thumb.Warm {
		return 0
	}
	return a.Digits[0]
}

// inBubble runs a test on a fake clock.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}
