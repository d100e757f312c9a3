package resolver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// flight is one query on its way, for the ids that a page lacked. Its answers
// and err are set before done is closed, and never change.
type flight struct {
	ids     []thumb.ID // distinct
	seq     uint64     // of the last notification before it began
	begun   time.Duration
	done    chan struct{}
	answers []thumb.Answer // of ids, in their order
	err     error
}

// seat is the place of a capture in a flight.
type seat struct {
	*flight
	at int
}

// wait returns the answer of the seat when it is there, or an error when ctx
// ends. Giving up ends nothing for the others in the flight.
func (s seat) wait(ctx context.Context) (thumb.Answer, error) {
	select {
	case <-s.done: // also where ctx has ended
	default:
		select {
		case <-s.done:
		case <-ctx.Done():
			return thumb.Answer{}, fmt.Errorf("%w: waiting for captures: %w", thumb.ErrDatabase, ctx.Err())
		}
	}
	if s.err != nil {
		return thumb.Answer{}, s.err
	}
	return s.answers[s.at], nil
}

// flights are the queries on their way. A flight is open to be joined from its
// beginning until ristretto has taken in its answers, so that between the two no
// page asks again; a notification that touches one of its captures closes it.
type flights struct {
	mu     sync.Mutex
	seq    uint64 // of the last notification
	open   map[thumb.ID]seat
	flying int
	closed bool
	ended  sync.WaitGroup
}

// maxFlights bounds the queries that wait for a connection at once.
const maxFlights = 1024

var (
	errClosed  = errors.New("warm set is closed")
	errFlights = errors.New("too many queries at once")
	errBreaker = errors.New("not asked: it has not answered lately")
)

// board returns a seat for ids[i], for every i of missing: in an open flight no
// older than the page timeout, or else in one new flight, which the caller lets
// go. The seat is empty where none is needed any more, as the answer has come into
// memory since it was looked up, and where no new flight may begin; err then says why.
func (w *WarmSet) board(ids []thumb.ID, answers []thumb.Answer, missing []int) (seats []seat, own *flight, err error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	w.flights.mu.Lock()
	defer w.flights.mu.Unlock()
	now := w.now()
	connected := w.connected(now)
	seats = make([]seat, len(missing))
	var asked []thumb.ID
	var places []int // of asked, in seats
	for i, at := range missing {
		if s, ok := w.flights.open[ids[at]]; ok && now-s.begun <= w.cfg.PageTimeout {
			seats[i] = s
		} else if e, _ := w.find(ids[at], now, connected); e != nil {
			e.fill(&answers[at])
		} else {
			asked = append(asked, ids[at])
			places = append(places, i)
		}
	}
	if len(asked) == 0 {
		return seats, nil, nil
	}
	if own, err = w.begin(asked, now); err != nil {
		return seats, nil, err
	}
	for at, i := range places {
		seats[i] = seat{own, at}
	}
	return seats, own, nil
}

// begin opens a flight for ids. The caller holds flights.mu, and lets it go.
func (w *WarmSet) begin(ids []thumb.ID, now time.Duration) (*flight, error) {
	var refused error
	switch {
	case w.flights.closed:
		refused = errClosed
	case w.flights.flying == maxFlights:
		refused = errFlights
	case !w.breaker.ask(now):
		refused = errBreaker
	}
	if refused != nil {
		w.metrics.refuse(refused)
		return nil, fmt.Errorf("%w: %w", thumb.ErrDatabase, refused)
	}
	f := &flight{ids: ids, seq: w.flights.seq, begun: now, done: make(chan struct{})}
	for at, id := range ids {
		w.flights.open[id] = seat{f, at}
	}
	w.flights.flying++
	w.flights.ended.Add(1)
	return f, nil
}

// shut closes a flight to be joined. The caller holds flights.mu.
func (l *flights) shut(f *flight) {
	for _, id := range f.ids {
		if l.open[id].flight == f {
			delete(l.open, id)
		}
	}
	if len(l.open) == 0 {
		l.shutAll()
	}
}

// shutAll closes every flight to be joined. A map keeps the memory of the most
// that it ever held, so that it is made anew. The caller holds flights.mu.
func (l *flights) shutAll() { l.open = make(map[thumb.ID]seat) }

// fly carries out the query of a flight, on a context of its own.
func (w *WarmSet) fly(f *flight) {
	defer w.flights.ended.Done()
	defer func() {
		w.flights.mu.Lock()
		defer w.flights.mu.Unlock()
		w.flights.shut(f)
		w.flights.flying--
	}()
	ctx, cancel := context.WithTimeout(context.Background(), max(queryLimit, w.cfg.PageTimeout))
	defer cancel()
	start := time.Now()
	captures, err := w.captures(ctx, f.ids)
	w.metrics.query(ctx, len(f.ids), err, time.Since(start))
	w.tellBreaker(f.begun, err)
	if err != nil {
		f.err = err
		close(f.done)
		return
	}
	f.answers = w.decide(f.ids, captures)
	close(f.done)
	w.keep(f)
}

// queryLimit is how long a query may take. It is above the page timeout, so that
// a database too slow for the page in hand has answered when the page is polled
// again, and low enough that a query into the void delays recovery little.
const queryLimit = time.Second

// captures asks the database. A panic there becomes an error of that query.
func (w *WarmSet) captures(ctx context.Context, ids []thumb.ID) (captures []thumb.Capture, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.metrics.panics.Inc()
			w.log.Error("panic while reading captures", "panic", p)
			err = fmt.Errorf("%w: reading captures panicked", thumb.ErrDatabase)
		}
	}()
	return w.db.Captures(ctx, ids)
}

// decide makes the answers of ids from what the database has of them.
func (w *WarmSet) decide(ids []thumb.ID, captures []thumb.Capture) []thumb.Answer {
	found := make(map[thumb.ID]*thumb.Capture, len(captures))
	for i := range captures {
		found[captures[i].ID] = &captures[i]
	}
	answers := make([]thumb.Answer, len(ids))
	for i, id := range ids {
		answers[i].Standing = thumb.Missing
		if c := found[id]; c != nil {
			answers[i] = thumb.Decide(c, w.cfg.Specs, w.cfg.Keys)
		}
	}
	return answers
}

// keep stores the answers of a flight, apart from those that a notification has
// overtaken, and returns when ristretto has taken them in.
func (w *WarmSet) keep(f *flight) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.store == nil {
		return
	}
	for i, id := range f.ids {
		e := newEntry(&f.answers[i], f.seq, f.begun)
		if !w.outdated(id, e) {
			w.store.put(id, e)
		}
		if i%settleEvery == settleEvery-1 {
			w.store.settle()
		}
	}
	w.store.settle()
}

// settleEvery is how many entries are put at once: well below the 32 Ki that
// ristretto queues before it drops them.
const settleEvery = 4096

func (w *WarmSet) tellBreaker(begun time.Duration, err error) {
	if !w.breaker.report(err == nil, begun, w.now()) {
		return
	}
	if err == nil {
		w.log.Info("database answers again")
		return
	}
	w.log.Warn("database does not answer: pages go out as the app wrote them", "error", err)
}
