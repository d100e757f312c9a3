package resolver_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/warmmodel"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var modelSeed = flag.Uint64("model.seed", 0, "replay the model test with this seed only")

// Random operations on a fake clock, held against a simple model. The database is
// in memory: slow at times, and its notifications late, up to what is allowed.
func TestModel(t *testing.T) {
	seeds := []uint64{*modelSeed}
	if *modelSeed == 0 {
		seeds = seeds[:0]
		for range 4 {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		t.Run("", func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := newModelled(t, seed)
				warmmodel.Run(t, s, warmmodel.Options{
					Seed: seed, Steps: 1000, Specs: specs, Keys: keys,
					TTLUnlistened: config().TTLUnlistened, Connected: time.Second, Pause: 100 * time.Millisecond,
				})
				s.Cut()
				s.links.Wait()
				t.Logf("%d pages were answered as before", s.repeated)
			})
		})
	}
}

// modelled is a warm set before a database in memory, with a link for
// notifications that delivers in order, late.
type modelled struct {
	*resolver.WarmSet
	db    *table
	rnd   *rand.Rand // of the operations' goroutine
	mu    sync.Mutex
	slow  *rand.Rand
	link  *link
	links sync.WaitGroup
	t     *testing.T

	repeated int // pages that were answered as before
	answered map[thumb.ID]answered
}

// answered is what a page was told of a capture, and what says whether that still holds.
type answered struct {
	known     thumb.Known
	unchanged func() bool
}

// link is one connection of the listener.
type link struct {
	cut  chan struct{}
	told chan notice // committed, in order
}

type notice struct {
	due time.Time
	ids []thumb.ID // empty: everything; nil: the proxy's own notification
}

func newModelled(t *testing.T, seed uint64) *modelled {
	s := &modelled{db: newTable(), rnd: rand.New(rand.NewPCG(seed, 1)), slow: rand.New(rand.NewPCG(seed, 2)), t: t, answered: map[thumb.ID]answered{}}
	s.WarmSet = newWarmSet(t, s)
	s.Restore()
	return s
}

// Captures reads at some moment of a query that takes up to 0.4 s.
func (s *modelled) Captures(ctx context.Context, ids []thumb.ID) ([]thumb.Capture, error) {
	s.mu.Lock()
	before, after := s.slow.ExpFloat64()*30, s.slow.ExpFloat64()*30
	s.mu.Unlock()
	time.Sleep(time.Duration(min(before, 200) * float64(time.Millisecond)))
	captures, err := s.db.Captures(ctx, ids)
	time.Sleep(time.Duration(min(after, 200) * float64(time.Millisecond)))
	return captures, err
}

// Page answers as the last pages were answered, where all of it still holds, or anew.
func (s *modelled) Page(ids []thumb.ID, answers []thumb.Known) error {
	if s.repeat(ids, answers) {
		return nil
	}
	ids = slices.Clone(ids)
	unchanged := s.Watch(ids)
	if err := s.Resolve(context.Background(), ids, answers); err != nil || unchanged == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, id := range ids {
		s.answered[id] = answered{answers[i], unchanged}
	}
	return nil
}

func (s *modelled) repeat(ids []thumb.ID, answers []thumb.Known) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, id := range ids {
		a, ok := s.answered[id]
		if !ok || !a.unchanged() {
			return false
		}
		answers[i] = a.known
	}
	s.repeated++
	return true
}

func (s *modelled) Write(captures []thumb.Capture) error {
	var changed []thumb.ID
	s.db.set(func(db *table) {
		for _, c := range captures {
			if _, ok := db.captures[c.ID]; ok { // that a capture appears is not notified
				changed = append(changed, c.ID)
			}
			db.captures[c.ID] = c
		}
	})
	s.tell(changed)
	return nil
}

func (s *modelled) Render(id thumb.ID, row thumb.Row) error {
	s.db.set(func(db *table) {
		c := db.captures[id]
		c.Rows = slices.DeleteFunc(slices.Clone(c.Rows), func(old thumb.Row) bool { return old.Label == row.Label })
		c.Rows = append(c.Rows, row)
		db.captures[id] = c
	})
	s.Forget(id)
	s.tell([]thumb.ID{id})
	return nil
}

func (s *modelled) Flip(public bool) error {
	s.db.set(func(db *table) {
		for id, c := range db.captures {
			c.Public = public
			db.captures[id] = c
		}
	})
	s.tell([]thumb.ID{}) // everything
	return nil
}

func (s *modelled) Delete(id thumb.ID) error {
	s.db.set(func(db *table) { delete(db.captures, id) })
	s.tell([]thumb.ID{id})
	return nil
}

// tell sends a notification, which arrives up to 0.9 s later.
func (s *modelled) tell(ids []thumb.ID) {
	if s.link != nil && ids != nil {
		s.link.told <- notice{time.Now().Add(time.Duration(s.rnd.IntN(900)) * time.Millisecond), ids}
	}
}

func (s *modelled) Cut() {
	if s.link != nil {
		close(s.link.cut)
		s.link = nil
	}
}

func (s *modelled) Restore() {
	l := &link{cut: make(chan struct{}), told: make(chan notice, 4096)}
	s.link = l
	s.Listening()
	s.links.Go(func() { // the proxy's own notification, every half second
		for {
			select {
			case <-l.cut:
				return
			case <-time.After(500 * time.Millisecond):
				l.told <- notice{due: time.Now()}
			}
		}
	})
	s.links.Go(func() {
		for {
			select {
			case <-l.cut:
				return
			case n := <-l.told:
				if !s.deliver(l, n) {
					return
				}
			}
		}
	})
}

func (s *modelled) deliver(l *link, n notice) bool {
	select {
	case <-l.cut:
		return false
	case <-time.After(time.Until(n.due)):
	}
	switch {
	case n.ids == nil:
		s.Heard()
	case len(n.ids) == 0 || len(n.ids) > 20:
		s.ChangedAll()
	default:
		s.Changed(n.ids)
	}
	return true
}
