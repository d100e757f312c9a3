package responses

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// weight is a Made.
type weight int64

func (w weight) Weight() int64 { return int64(w) }

// What is made of a body counts as long as its entry is kept, and is not kept where there
// is no room for it.
func TestWhatIsMadeOfABodyCounts(t *testing.T) {
	t.Parallel()
	cfg := Defaults()
	cfg.MaxSize, cfg.MaxObject = 4<<20, 256<<10
	c, err := New(cfg, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	entry := func(key string, size int) *Entry {
		e := &Entry{key: key, hash: xxhash.Sum64String(key)}
		e.kept.Body = bytes.Repeat([]byte{'x'}, size)
		return e
	}
	keep := func(e *Entry) { c.store.add(e.hash, e, func(o *Entry) bool { return o.noCache }) }
	used := func() int64 { return c.State().Used }

	first, second := entry("a", 10), entry("a", 20)
	first.noCache = true // the next one supersedes it
	c.Attach(first, weight(1000))
	if keep(first); used() != first.cost() || first.Made() != weight(1000) {
		t.Errorf("attached before it is kept: %d bytes, it costs %d, %v", used(), first.cost(), first.Made())
	}
	before := used()
	c.Attach(first, weight(5000))
	if used() != before+4000 || c.State().Entries != 1 {
		t.Errorf("%d bytes more for 4000, %d entries", used()-before, c.State().Entries)
	}
	c.Attach(first, weight(cfg.MaxObject+1))
	if first.Made() != weight(5000) {
		t.Errorf("%v is attached, though larger than any body", first.Made())
	}
	keep(second)
	c.Attach(first, weight(9000)) // it has gone meanwhile
	if used() != second.cost() {
		t.Errorf("%d bytes, the one entry costs %d", used(), second.cost())
	}
	c.store.remove(second.hash, second)
	if used() != 0 {
		t.Errorf("%d bytes when nothing is kept", used())
	}
	for n := range 3 * 64 {
		e := entry(strconv.Itoa(n), 1000)
		keep(e)
		c.Attach(e, weight(64<<10))
	}
	if state := c.State(); used() > cfg.MaxSize || state.Evictions == 0 || state.Entries < 20 {
		t.Errorf("full: %+v", state)
	}
}
