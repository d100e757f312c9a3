package resolver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/store"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// flight is one query on its way, for the ids that a page lacked. What it brings
// and err are set before done is closed, and never change.
type flight struct {
	reader *Reader    // by whose labels it is decided
	ids    []thumb.ID // distinct; complete when the query begins
	lacked int        // by the page that it is for: ids are as many at most
	seq    uint64     // of the last notification before the query began
	begun  time.Duration
	shut   bool // a notification has touched it: nobody else joins; under flights.mu
	done   chan struct{}
	known  []thumb.Known // of ids, in their order
	err    error
}

// seat is the place of a capture in a flight.
type seat struct {
	*flight
	at int
}

// wait returns what is known of the seat's capture when it is there, or an error when ctx
// ends. Giving up ends nothing for the others in the flight.
func (s seat) wait(ctx context.Context) (thumb.Known, error) {
	select {
	case <-s.done: // also where ctx has ended
	default:
		select {
		case <-s.done:
		case <-ctx.Done():
			return thumb.Known{}, fmt.Errorf("%w: waiting for captures: %w", thumb.ErrDatabase, ctx.Err())
		}
	}
	if s.err != nil {
		return thumb.Known{}, s.err
	}
	return s.known[s.at], nil
}

// flights are the queries on their way. A flight is open to be joined from its
// beginning until ristretto has taken in what it brings, so that between the two no
// page asks again; a notification that touches one of its captures shuts it. A large
// page boards a part at a time: others may have seats in its flight before its query
// has begun.
type flights struct {
	mu     sync.Mutex
	seq    uint64 // of the last notification
	open   map[thumb.ID]seat
	flying int
	closed bool
	ended  sync.WaitGroup
}

const (
	// maxFlights bounds the queries that wait for a connection at once.
	maxFlights = 1024
	// maxAsked is how many captures one query asks for at most: what a database
	// answers within the page timeout. Of a page that lacks more, the rest stays as the
	// app wrote it, until the page is asked for again.
	maxAsked = 10_000
	// atOnce is how many captures are looked up, boarded or kept between taking a lock
	// and letting it go, so that a page of 100,000 holds up nobody else's of 40.
	atOnce = store.AtOnce
)

// A page does not join a query for more than so many captures unless it lacks a good
// part of as many itself: it would have to wait for all of them.
const (
	joinedByAll    = 1000
	joinedByLarger = 8
)

var (
	errClosed  = errors.New("warm set is closed")
	errFlights = errors.New("too many queries at once")
	errBreaker = errors.New("not asked: it has not answered lately")
	errTooMany = fmt.Errorf("the page lacks more than the %d captures that one query asks for", maxAsked)
)

// boarding is a page that looks for seats.
type boarding struct {
	ids     []thumb.ID
	known   []thumb.Known
	missing []int // positions
	seats   []seat
	own     *flight // nil: none was needed yet, or refused says why there is none
	refused error
}

// board returns a seat for ids[i], for every i of missing: in an open flight, or else
// in one new flight, which the caller lets go. The seat is empty where none is needed
// any more, as the capture has come into memory since it was looked up, and where the
// capture cannot be asked for; err then says why.
func (r *Reader) board(ids []thumb.ID, known []thumb.Known, missing []int) (seats []seat, own *flight, err error) {
	var rests rests
	b := boarding{ids: ids, known: known, missing: missing, seats: make([]seat, len(missing))}
	for from := 0; from < len(missing); from += atOnce {
		r.boardSome(&b, from, min(from+atOnce, len(missing)))
		rests.did(atOnce)
	}
	return b.seats, b.own, b.refused
}

// boardSome finds the seats of missing[from:to].
func (r *Reader) boardSome(b *boarding, from, to int) {
	w := r.w
	w.mu.RLock()
	defer w.mu.RUnlock()
	w.flights.mu.Lock()
	defer w.flights.mu.Unlock()
	now := w.now()
	connected := w.connected(now)
	for i := from; i < to; i++ {
		id := b.ids[b.missing[i]]
		if s, ok := w.flights.open[id]; ok && r.joins(len(b.missing), s.flight, now) {
			b.seats[i] = s
		} else if e, believed := r.find(id, now, connected); believed {
			e.Fill(&b.known[b.missing[i]])
		} else {
			b.seats[i] = r.ownSeat(b, id, now)
		}
	}
	if b.own != nil { // its query has not begun
		b.own.seq = w.flights.seq
	}
}

// joins says whether a page that lacked so many captures takes seats in a flight: in none
// that is decided by other labels. The caller holds flights.mu.
func (r *Reader) joins(lacked int, f *flight, now time.Duration) bool {
	return !f.shut && f.reader.labels == r.labels && now-f.begun <= r.cfg.PageTimeout && (f.lacked <= joinedByAll || f.lacked <= joinedByLarger*lacked)
}

// ownSeat returns a seat in the page's own flight, an empty one where there can be
// none. The caller holds flights.mu.
func (r *Reader) ownSeat(b *boarding, id thumb.ID, now time.Duration) seat {
	if b.own == nil && b.refused == nil {
		b.own, b.refused = r.begin(len(b.missing), now)
	}
	switch {
	case b.own == nil:
		return seat{}
	case len(b.own.ids) == maxAsked:
		b.refused = fmt.Errorf("%w: %w", thumb.ErrDatabase, errTooMany)
		return seat{}
	}
	return r.w.flights.add(b.own, id)
}

// begin opens a flight for a page that lacked so many captures. The caller holds
// flights.mu, and lets it go.
func (r *Reader) begin(lacked int, now time.Duration) (*flight, error) {
	w := r.w
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
	w.flights.flying++
	w.flights.ended.Add(1)
	return &flight{reader: r, lacked: lacked, seq: w.flights.seq, begun: now, done: make(chan struct{})}, nil
}

// add gives a capture a seat in a flight whose query has not begun. The caller holds mu.
func (l *flights) add(f *flight, id thumb.ID) seat {
	s := seat{f, len(f.ids)}
	f.ids = append(f.ids, id)
	l.open[id] = s
	return s
}

// land takes a flight that has ended out of those to be joined.
func (l *flights) land(f *flight) {
	for ids := range slices.Chunk(f.ids, atOnce) {
		l.close(f, ids)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying--
	if len(l.open) == 0 {
		l.shutAll()
	}
}

func (l *flights) close(f *flight, ids []thumb.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if l.open[id].flight == f {
			delete(l.open, id)
		}
	}
}

// shutAll closes every flight to be joined. A map keeps the memory of the most
// that it ever held, so that it is made anew. The caller holds mu.
func (l *flights) shutAll() { l.open = make(map[thumb.ID]seat) }

// fly carries out the query of a flight. Ctx never ends; what it holds is that of whoever
// the flight was begun for.
func (w *WarmSet) fly(ctx context.Context, f *flight) {
	defer w.flights.ended.Done()
	defer w.flights.land(f)
	ctx, cancel := context.WithTimeout(ctx, max(queryLimit, f.reader.cfg.PageTimeout))
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
	f.known = f.reader.decide(f.ids, captures)
	close(f.done)
	w.keep(f)
}

// queryLimit is how long a query may take. It is above the page timeout, so that
// a database too slow for the page in hand has answered when the page is polled
// again, and low enough that a query into the void delays recovery little.
const queryLimit = time.Second

// captures asks the database. A panic there becomes thumb.ErrInternal.
func (w *WarmSet) captures(ctx context.Context, ids []thumb.ID) (captures []thumb.Capture, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.metrics.panics.Inc()
			w.log.Error("panic while reading captures", "panic", p)
			err = fmt.Errorf("%w: panic while reading captures: %v", thumb.ErrInternal, p)
		}
	}()
	return w.db.Captures(ctx, ids)
}

// decide makes what is known of ids from what the database has of them.
func (r *Reader) decide(ids []thumb.ID, captures []thumb.Capture) []thumb.Known {
	found := make(map[thumb.ID]*thumb.Capture, len(captures))
	for i := range captures {
		found[captures[i].ID] = &captures[i]
	}
	known := make([]thumb.Known, len(ids))
	for i, id := range ids {
		known[i].Standing = thumb.Missing
		if c := found[id]; c != nil {
			known[i] = thumb.Decide(c, r.cfg.Specs, r.cfg.Keys, r.cfg.PrivateKeys)
		}
	}
	return known
}

// keep stores what a flight has brought, apart from those that a notification has
// overtaken, and returns when ristretto has taken them in.
func (w *WarmSet) keep(f *flight) {
	for from := 0; from < len(f.ids); from += atOnce {
		w.keepSome(f, from, min(from+atOnce, len(f.ids)))
	}
}

// settleEvery is after how many entries ristretto is waited for: well below the 32 Ki that
// it queues before it drops them.
const settleEvery = 64 * atOnce

// keepSome stores what is known of ids[from:to], and waits for ristretto from time to
// time, and at the end.
func (w *WarmSet) keepSome(f *flight, from, to int) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if !f.reader.finds() {
		return
	}
	for i := from; i < to; i++ {
		e := store.NewEntry(&f.known[i], f.seq, f.begun)
		if !w.outdated(f.ids[i], &e) {
			w.store.Put(f.ids[i], &e)
		}
	}
	if to%settleEvery == 0 || to == len(f.ids) {
		w.store.Settle()
	}
}

// tellBreaker counts a fault of our own as a success: the database has answered.
func (w *WarmSet) tellBreaker(begun time.Duration, err error) {
	answered := err == nil || errors.Is(err, thumb.ErrInternal)
	if !w.breaker.report(answered, begun, w.now()) {
		return
	}
	if answered {
		w.log.Info("database answers again")
		return
	}
	w.log.Warn("database does not answer: pages go out as the app wrote them", "error", err)
}
