package resolver_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// relabel puts a configuration with these labels in force.
func relabel(t *testing.T, w *resolver.WarmSet, labels thumb.Specs) *resolver.Reader {
	t.Helper()
	cfg := resolver.Defaults()
	cfg.Specs = labels
	r, apply, err := w.Prepare(cfg)
	if err != nil {
		t.Fatal(err)
	}
	apply()
	return r
}

// urlsAre fails where a reader tells of a capture another label's URL.
func urlsAre(t *testing.T, r *resolver.Reader, labels thumb.Specs, id thumb.ID) {
	t.Helper()
	var known [1]thumb.Known
	if err := r.Resolve(t.Context(), []thumb.ID{id}, known[:]); err != nil {
		t.Fatal(err)
	}
	for i, spec := range labels {
		url, _ := r.AppendURL(nil, id, &known[0], i)
		if known[0].Verdicts[i] != thumb.Warm || !strings.Contains(string(url), "/"+spec.Label+"_") {
			t.Errorf("%s of capture %d: %v, %s", spec.Label, id, known[0].Verdicts[i], url)
		}
		if digits := uint64(id)*10 + uint64(slices.IndexFunc(specs, func(s thumb.Spec) bool { return s.Label == spec.Label })); known[0].Digits[i] != digits {
			t.Errorf("%s of capture %d has the digits %d, want %d", spec.Label, id, known[0].Digits[i], digits)
		}
	}
}

// apart is a warm capture whose labels have digits of their own.
func apart(id thumb.ID) thumb.Capture {
	c := warm(id, 0)
	for i := range c.Rows {
		c.Rows[i].Path = string(keys.Append(nil, id, specs[i].Label, uint64(id)*10+uint64(i)))
	}
	return c
}

// Labels are swapped, taken away and put in. What is in memory, and what is on its way, is
// told to nobody by other labels, and a request that began with the old ones is answered
// by them.
func TestAnotherOrderOfLabelsBeginsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(apart(1), apart(2))
		w := newWarmSet(t, db)
		before := w.Reader()
		urlsAre(t, before, specs, 1)

		release := db.held()
		flying := make(chan struct{})
		go func() {
			defer close(flying)
			urlsAre(t, before, specs, 2)
		}()
		synctest.Wait()
		swapped := thumb.Specs{specs[2], specs[0]}
		after := relabel(t, w, swapped)
		joined := make(chan struct{})
		go func() {
			defer close(joined)
			urlsAre(t, after, swapped, 2) // on a query of its own
		}()
		synctest.Wait()
		release()
		<-flying
		<-joined
		asked := db.count()
		if asked != 3 {
			t.Errorf("%d queries, want one for each", asked)
		}
		synctest.Wait()
		urlsAre(t, after, swapped, 2)
		if n := db.count(); n != asked {
			t.Error("what was asked by the labels in force is not in memory")
		}
		urlsAre(t, after, swapped, 1)
		synctest.Wait()              // ristretto takes it in late
		urlsAre(t, before, specs, 1) // a request that began before
		urlsAre(t, after, swapped, 1)
		if n := db.count() - asked; n != 2 {
			t.Errorf("%d queries for one capture by two orders of labels, want 2", n)
		}
		urlsAre(t, relabel(t, w, specs), specs, 1)
	})
}

// What does not decide a verdict leaves the warm set as it is, and what bounds it is heeded.
func TestOtherKeysKeepTheWarmSet(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		db := newTable(apart(1))
		w := newWarmSet(t, db)
		urlsAre(t, w.Reader(), specs, 1)
		cfg := resolver.Defaults()
		cfg.Specs = slices.Clone(specs)
		cfg.Specs[0].Height, cfg.Specs[1].FallbackOriginal = 100, true
		cfg.MaxSize, cfg.TTL, cfg.TTLUnlistened = 8<<20, time.Minute, time.Second
		r, apply, err := w.Prepare(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if w.State().MaxSize == 8<<20 || w.Reader() == r {
			t.Error("preparing changed something")
		}
		apply()
		urlsAre(t, r, specs, 1)
		if n := db.count(); n != 1 || w.State().MaxSize != 8<<20 {
			t.Errorf("%d queries, %d bytes", n, w.State().MaxSize)
		}
		time.Sleep(2 * time.Second)
		urlsAre(t, r, specs, 1)
		if n := db.count(); n != 2 {
			t.Errorf("%d queries after ttl_unlistened, want 2", n)
		}
		cfg.Keys = "elsewhere/"
		if _, _, err := w.Prepare(cfg); err == nil {
			t.Error("another prefix is taken")
		}
	})
}
