package responses

import (
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/thumbedge/thumbedge/internal/growth"
)

// Answers are found, and requests join others, while some are being added: who reads takes
// none of the locks of those who add. Of one URL an added answer is compared with no more
// than are kept, however many came.
func TestAddingHoldsUpNobody(t *testing.T) {
	t.Parallel()
	cfg := Defaults()
	c, err := New(cfg, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	entry := func(key string) *Entry { return &Entry{key: key, hash: xxhash.Sum64String(key)} }
	for n := range 10 * mostVariants {
		compared := 0
		e := entry("a")
		c.store.add(e.hash, e, func(*Entry) bool { compared++; return false })
		if compared > mostVariants {
			t.Fatalf("the answer after %d others is compared with %d", n, compared)
		}
	}
	for i := range c.store.stripes {
		c.store.stripes[i].Lock()
		defer c.store.stripes[i].Unlock()
	}
	if v := c.store.find(entry("a").hash, []byte("a")); v == nil || len(v.entries) != mostVariants {
		t.Errorf("while others are added %+v is found", v)
	}
}

// However many requests to the app others may wait for, as many as upstream.max_conns, one
// joins, and lands, without a look at them.
func TestFlightsAreBoundedWork(t *testing.T) {
	t.Parallel()
	step := func(n int) func() {
		f := &flights{open: map[string]*flight{}}
		for i := range n {
			f.board([]byte(strconv.Itoa(i)))
		}
		key := []byte("one more")
		return func() {
			fl, leads := f.board(key)
			if _, again := f.board(key); !leads || again {
				t.Fatal("the first leads, and nobody else")
			}
			f.land(string(key), fl, nil, false)
		}
	}
	if times := growth.Times(step(4), step(1<<16)); times > 50 {
		t.Errorf("a step takes %.0f times as long with 65,536 on their way as with 4", times)
	}
}
