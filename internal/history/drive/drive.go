// Package drive makes histories: it starts real parts (PostgreSQL with the app's tables,
// an S3 server, the sample app, three processes of thumbedge, toxiproxy between them all),
// has a seeded generator do random things to them and break them, and records from outside
// what happens.
//
// Who records what: triggers in the database every change, in the transaction that makes
// it, which PostgreSQL dates when it commits; a server before the S3 server every upload
// and removal (storage.go); the server of originals every fetch (source.go); the client
// every answer (client.go). None of it is in the product, which runs as it is built.
//
// A seed gives the same choices; what they meet is up to the machine.
package drive

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/history"
)

// captures is how many captures there are at first.
const captures = 24

// Profile says how often what is done and broken, by relative weights. A name that is not
// in it is never chosen.
type Profile struct {
	App       map[string]int // operations
	Processes map[string]int // faults of processes; one at a time
	Links     map[string]int // and all other faults; one at a time
	Visits    map[string]int // of clients; nil: plainVisits
	// How long it takes from one to the next, about, beside what each takes itself.
	AppEvery, BreakEvery time.Duration
	Clients              int
}

// Usual does and breaks everything.
var Usual = Profile{
	App:       map[string]int{"replace": 10, "insert": 2, "delete": 2, "flip": 3, "flicker": 1, "remove": 2, "restore": 2},
	Processes: map[string]int{"kill": 3, "stop": 3, "long stop": 2, "clock": 3, "width": 1, "reload": 3, "reconcile": 1},
	Links:     map[string]int{"listen": 4, "queries": 4, "slow queries": 2, "storage": 2, "source": 2, "slow originals": 3, "lying storage": 1, "losing storage": 1},
	Visits:    map[string]int{"page": 5, "list": 1, "kept list": 2, "thumbnail": 5, "member's page": 2, "signed": 3},
	AppEvery:  150 * time.Millisecond, BreakEvery: 1500 * time.Millisecond,
	Clients: 6,
}

// plainVisits are those of anybody.
var plainVisits = map[string]int{"page": 4, "list": 1, "thumbnail": 5}

// Run is one history to be made.
type Run struct {
	Binary  string
	Seed    uint64
	Length  time.Duration // of doing and breaking; healing comes on top
	Profile Profile
}

// clocks says whether processes need clocks that can be set.
func (p Profile) clocks() bool { return p.Processes["clock"]+p.Processes["set back"] > 0 }

// Make makes a history and returns what is wrong with it. It looks at what there is from
// time to time, and ends early where that is wrong already.
func Make(t testing.TB, run Run) (*history.History, []history.Violation) {
	t.Helper()
	s := newSite(t, run.Binary, 3)
	s.watch()
	random := rand.New(rand.NewPCG(run.Seed, 1<<32))
	for range captures {
		if err := s.insertCapture(t.Context(), random); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), run.Length)
	defer stop()
	var working sync.WaitGroup
	p := run.Profile
	if p.Visits == nil {
		p.Visits = plainVisits
	}
	working.Go(func() { s.browseUntil(ctx, p.Clients, run.Seed, p.Visits, 60*time.Millisecond) })
	working.Go(func() { s.operate(ctx, random, p.App, p.AppEvery) })
	for i, weights := range []map[string]int{p.Processes, p.Links} {
		working.Go(func() { s.breakThings(ctx, rand.New(rand.NewPCG(run.Seed, 2<<32+uint64(i))), weights, p.BreakEvery) })
	}
	found := s.lookNowAndThen(ctx)
	stop()
	working.Wait()
	if len(found) > 0 {
		return s.seen(), found
	}
	final, err := s.heal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := s.seen()
	h.Final = final
	return h, history.Check(h)
}

// watch records stalls of the machine until the test ends.
func (s *site) watch() {
	done, ended := make(chan struct{}), make(chan struct{})
	s.Cleanup(func() { close(done); <-ended })
	go func() {
		defer close(ended)
		s.watchStalls(done)
	}()
}

// lookNowAndThen checks what there is, ever less often, until ctx ends or something is
// wrong.
func (s *site) lookNowAndThen(ctx context.Context) []history.Violation {
	for wait := 2 * time.Second; ; wait += wait / 2 {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if found := history.Check(s.seen()); len(found) > 0 {
			return found
		}
	}
}
