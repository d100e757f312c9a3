package drive

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/thumbedge/thumbedge/internal/history"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

func sorted(weights map[string]int) []string { return slices.Sorted(maps.Keys(weights)) }

// faults are what may break, by their names in a profile. Each breaks something, waits,
// and mends it.
var faults = map[string]func(*site, context.Context, *rand.Rand) error{
	// Of processes.
	"kill":      (*site).killOne,
	"stop":      (*site).stopOne,
	"long stop": (*site).stopOneForLong,
	"clock":     (*site).stepClock,
	"set back":  (*site).setBack,
	"width":     (*site).changeWidth,
	"reload":    (*site).changeFile,
	"reconcile": (*site).reconcile,
	// Of links.
	"listen":  (*site).cutListen,
	"queries": (*site).cutQueries,
	"storage": (*site).cutStorage,
	"source":  (*site).cutSource,
	// Of what is behind them.
	"slow queries":   (*site).slowQueries,
	"slow originals": (*site).slowOriginals,
	"lying storage":  (*site).lyingStorage,
	"losing storage": (*site).losingStorage,
}

// breakThings breaks one thing after another until ctx ends. All is mended when it
// returns.
func (s *site) breakThings(ctx context.Context, random *rand.Rand, weights map[string]int, every time.Duration) {
	for len(weights) > 0 {
		pause(ctx, random, every)
		if ctx.Err() != nil {
			return
		}
		name := choose(random, weights)
		if err := faults[name](s, ctx, random); err != nil {
			s.Errorf("%s: %v", name, err)
		}
	}
}

// killOne kills a replica and starts it anew.
func (s *site) killOne(ctx context.Context, random *rand.Rand) error {
	return s.restart(ctx, random, pick(random, s.replicas), usualWidths)
}

func (s *site) restart(ctx context.Context, random *rand.Rand, r *replica, widths map[string]int) error {
	over := s.fault(history.Fault{Replica: r.place, What: "killed", Kind: history.FaultHalt})
	defer over()
	r.away.Store(true)
	defer r.away.Store(false)
	r.kill()
	pause(ctx, random, 300*time.Millisecond)
	return r.start(widths)
}

// setBack sets every replica's clock back, further each time.
func (s *site) setBack(context.Context, *rand.Rand) error {
	s.behind += 600
	for _, r := range s.replicas {
		if err := r.step(-s.behind); err != nil {
			return err
		}
	}
	return nil
}

// changeWidth restarts the last replica with another width of a label, as in a rolling
// restart, and back again later.
func (s *site) changeWidth(ctx context.Context, random *rand.Rand) error {
	r := s.replicas[len(s.replicas)-1]
	if err := s.restart(ctx, random, r, otherWidths); err != nil {
		return err
	}
	pause(ctx, random, 5*time.Second)
	return s.restart(ctx, random, r, usualWidths)
}

// stopOne stops a replica for a moment.
func (s *site) stopOne(ctx context.Context, random *rand.Rand) error {
	s.stopFor(ctx, random, pick(random, []time.Duration{500 * time.Millisecond, 3 * time.Second}))
	return nil
}

// stopOneForLong stops a replica for longer than a lease, so that another does its work.
func (s *site) stopOneForLong(ctx context.Context, random *rand.Rand) error {
	s.stopFor(ctx, random, 14*time.Second)
	return nil
}

func (s *site) stopFor(ctx context.Context, random *rand.Rand, about time.Duration) {
	r := pick(random, s.replicas)
	over := s.fault(history.Fault{Replica: r.place, What: "stopped", Kind: history.FaultHalt})
	defer over()
	r.away.Store(true)
	defer r.away.Store(false)
	r.signal(syscall.SIGSTOP)
	pause(ctx, random, about)
	r.signal(syscall.SIGCONT)
}

// stepClock sets a replica's clock off, by up to an hour either way, until the next time.
func (s *site) stepClock(_ context.Context, random *rand.Rand) error {
	r := pick(random, s.replicas)
	return r.step(pick(random, []int{-3600, -60, -5, -1, 0, 1, 5, 60, 3600}))
}

// reconcile runs the command beside everything.
func (s *site) reconcile(context.Context, *rand.Rand) error {
	if out, err := s.command("reconcile", "--apply", "--force", "100000"); err != nil {
		// It may have been cut off from what it needs.
		s.Logf("reconcile: %v: %.300s", err, out)
	}
	return nil
}

// cut breaks a link in one direction, in both, or altogether, then mends it.
func (s *site) cut(ctx context.Context, random *rand.Rand, link *testenv.FaultyLink, kind history.FaultKind, place string, about time.Duration) {
	ways := map[string]func(){
		"what comes back is lost": func() { link.Set(testenv.Fault{Type: "timeout"}) },
		"what is sent is lost":    func() { link.Set(testenv.Fault{Type: "timeout", Stream: "upstream"}) },
		"cut":                     link.Down,
		"slow to come back": func() {
			link.Set(testenv.Fault{Type: "latency", Attributes: map[string]int{"latency": 250, "jitter": 150}})
		},
		"slow to be sent": func() {
			link.Set(testenv.Fault{Type: "latency", Stream: "upstream", Attributes: map[string]int{"latency": 250, "jitter": 150}})
		},
		"reset": func() { link.Set(testenv.Fault{Type: "reset_peer", Attributes: map[string]int{"timeout": 100}}) },
	}
	way := pick(random, slices.Sorted(maps.Keys(ways)))
	over := s.fault(history.Fault{Replica: place, What: way, Kind: kind})
	defer over()
	ways[way]()
	pause(ctx, random, about)
	link.Set()
	link.Up()
}

func (s *site) cutListen(ctx context.Context, random *rand.Rand) error {
	r := pick(random, s.replicas)
	s.cut(ctx, random, r.listen, history.FaultListen, r.place, 6*time.Second)
	return nil
}

func (s *site) cutQueries(ctx context.Context, random *rand.Rand) error {
	r := pick(random, s.replicas)
	s.cut(ctx, random, r.queries, history.FaultQueries, r.place, 3*time.Second)
	return nil
}

// slowQueries has the database's answers take longer than its notifications.
func (s *site) slowQueries(ctx context.Context, random *rand.Rand) error {
	r := pick(random, s.replicas)
	over := s.fault(history.Fault{Replica: r.place, What: "queries are slow", Kind: history.FaultQueries})
	defer over()
	r.queries.Set(testenv.Fault{Type: "latency", Attributes: map[string]int{"latency": 200, "jitter": 100}})
	pause(ctx, random, 8*time.Second)
	r.queries.Set()
	return nil
}

func (s *site) cutStorage(ctx context.Context, random *rand.Rand) error {
	r := pick(random, s.replicas)
	s.cut(ctx, random, r.storage, history.FaultStorage, r.place, 2*time.Second)
	return nil
}

func (s *site) cutSource(ctx context.Context, random *rand.Rand) error {
	s.cut(ctx, random, s.sourceLink, history.FaultSource, "", 2*time.Second)
	return nil
}

// slowOriginals has every original take a while, so that much happens meanwhile.
func (s *site) slowOriginals(ctx context.Context, random *rand.Rand) error {
	over := s.fault(history.Fault{What: "originals are slow", Kind: history.FaultSource})
	defer over()
	s.originals.slow.Store(int64(1500 * time.Millisecond))
	defer s.originals.slow.Store(0)
	pause(ctx, random, 6*time.Second)
	return nil
}

func (s *site) lyingStorage(ctx context.Context, random *rand.Rand) error {
	return s.moody(ctx, random, moodLies, "the storage says 200 and keeps nothing")
}

func (s *site) losingStorage(ctx context.Context, random *rand.Rand) error {
	return s.moody(ctx, random, moodLoses, "the storage keeps files and does not answer")
}

func (s *site) moody(ctx context.Context, random *rand.Rand, mood storageMood, what string) error {
	over := s.fault(history.Fault{What: what, Kind: history.FaultStorage})
	defer over()
	s.files.mood.Store(int32(mood))
	defer s.files.mood.Store(int32(moodWell))
	pause(ctx, random, 1500*time.Millisecond)
	return nil
}
