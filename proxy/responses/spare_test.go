package responses

import (
	"bytes"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cespare/xxhash/v2"
)

// newSpacious returns a cache of 8 MiB, a mebibyte of which may be spare.
func newSpacious(t *testing.T, maxObject int64) *Cache {
	t.Helper()
	cfg := Defaults()
	cfg.MaxSize, cfg.MaxObject = 8<<20, maxObject
	c, err := New(cfg, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// keepNew keeps an entry of 1,000 bytes under a key.
func keepNew(c *Cache, key string) *Entry {
	e := &Entry{key: key, hash: xxhash.Sum64String(key)}
	e.kept.Body = bytes.Repeat([]byte{'x'}, 1000)
	c.store.add(e.hash, e, func(*Entry) bool { return true })
	return e
}

// What can be done without has an eighth of the room, whoever asks for it, for a minute
// against all others; what goes with its entry makes room at once.
func TestSpareRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const maxObject = 256 << 10
		c := newSpacious(t, maxObject)
		defer c.Close()
		const most, size = 9, 100 << 10 // of a mebibyte
		lend := func(keys string) (entries []*Entry) {
			for i := 0; c.Spare(size); i++ {
				e := keepNew(c, keys+strconv.Itoa(i))
				c.AttachSpare(e, weight(size), weight(100))
				entries = append(entries, e)
			}
			return entries
		}
		first := lend("first")
		used := c.State().Used
		if len(first) < most || used > 1<<20+int64(len(first))<<11 {
			t.Errorf("there is spare room for %d, which take %d bytes", len(first), used)
		}
		if n := len(lend("soon")); n > 0 {
			t.Errorf("%d have taken the room of others at once", n)
		}
		keepNew(c, "first3") // another answer of that URL
		gone := 0
		for range most { // a few are looked at each time
			gone += len(lend("gone"))
		}
		if gone != 1 {
			t.Errorf("one has gone, and there is room for %d", gone)
		}
		time.Sleep(spareTime)
		if n := len(lend("later")); n != len(first) || first[0].Made() != weight(100) {
			t.Errorf("after a minute there is room for %d, and of the first stays %v", n, first[0].Made())
		}
		if now := c.State().Used; now > used+int64(3*len(first))<<11 {
			t.Errorf("it takes %d bytes, %d before", now, used)
		}
		if c.Spare(maxObject + 1) {
			t.Error("there is spare room for more than any body may have")
		}
	})
}

// What a revalidated answer takes over stays spare.
func TestSpareStaysSpareWhenValidated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newSpacious(t, 2<<20)
		defer c.Close()
		e := keepNew(c, "a")
		c.AttachSpare(e, weight(1<<20-1), weight(100))
		next := &Entry{key: e.key, hash: e.hash, kept: e.kept}
		next.made.Store(e.made.Load())
		c.store.add(next.hash, next, func(*Entry) bool { return true })
		if c.Spare(1000) {
			t.Error("its room is free, while it is held")
		}
		time.Sleep(spareTime)
		if !c.Spare(1000) || next.Made() != weight(100) {
			t.Errorf("after a minute there is no room, %v stays", next.Made())
		}
	})
}

// Many at once never hold more than the room.
func TestSpareRoomOfMany(t *testing.T) {
	t.Parallel()
	c := newSpacious(t, 2<<20)
	defer c.Close()
	const size = 10 << 10
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 100 {
				if c.Spare(size) {
					c.AttachSpare(keepNew(c, strconv.Itoa(g)+"-"+strconv.Itoa(i)), weight(size), weight(10))
				}
			}
		})
	}
	all.Wait()
	c.spare.mu.Lock()
	defer c.spare.mu.Unlock()
	if most := int64(1<<20 + 8*size); c.spare.bytes > most || len(c.spare.lent) < 90 {
		t.Errorf("%d bytes are spare in %d entries, %d at most", c.spare.bytes, len(c.spare.lent), most)
	}
}
