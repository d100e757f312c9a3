package site_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// TestManyPairAtOnce: replicas that start together run migrate up at once. One makes the
// pair, with the smallest pool too, and what it says is what the others find.
func TestManyPairAtOnce(t *testing.T) {
	t.Parallel()
	d, s := newDatabase(t), onDisk(t)
	d.rows(s, 3)
	var made atomic.Int64
	together(8, func() {
		mine, err := site.Pair(t.Context(), d, s, keys)
		if err != nil {
			t.Error(err)
		}
		if mine {
			made.Add(1)
		}
		if err := site.Check(t.Context(), d, s, keys); err != nil {
			t.Errorf("behind it: %v", err)
		}
	})
	if n := made.Load(); n != 1 {
		t.Errorf("%d made a pair", n)
	}
}

// TestManyAdoptAtOnce ends with a pair, whoever was last.
func TestManyAdoptAtOnce(t *testing.T) {
	t.Parallel()
	url := newDatabase(t).url
	d, s := openWith(t, url, func(cfg *postgres.Config) { cfg.MaxConns = 1 }), onDisk(t)
	d.rows(s, 3)
	together(8, func() {
		if err := site.Adopt(t.Context(), d, s, keys, 0); err != nil {
			t.Error(err)
		}
	})
	if err := site.Check(t.Context(), d, s, keys); err != nil {
		t.Error(err)
	}
}

func together(n int, do func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(do)
	}
	all.Wait()
}
