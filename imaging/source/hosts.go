package source

import (
	"container/list"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	// silentFailures is how many requests in a row a host may leave unanswered before
	// it is left alone.
	silentFailures = 3
	// firstPause is how long a host is left alone at first. Each time that it does not
	// answer after a pause either, the next is twice as long, up to source.retry_after.
	firstPause = time.Second
	// MaxSilent is how many hosts' failures are remembered, the youngest.
	MaxSilent = 1024
)

// LeftAlone is the error for an original whose host answered none of the last
// requests, and is not asked again before Until.
type LeftAlone struct {
	Host  string
	Until time.Time
}

func (e *LeftAlone) Error() string {
	return fmt.Sprintf("%v: %s answered none of the last requests, and is left alone for a while", thumb.ErrOriginalUnavailable, e.Host)
}

func (e *LeftAlone) Unwrap() []error {
	return []error{thumb.ErrOriginalUnavailable, thumb.ErrHostSilent}
}

// silent is an error that says that a host did not answer, or not to the end.
type silent struct{ error }

func (s silent) Unwrap() []error { return []error{s.error, thumb.ErrHostSilent} }

// hosts keeps hosts that do not answer from being waited for, again and again, until
// a timer runs out: one breaker a host. Where a host left some requests in a row
// without an answer, others are refused at once for a pause; then one request is let
// through. Any whole answer, an error too, closes the breaker: only silence and broken
// connections cost a turn its time.
//
// Its memory is bounded: the hosts that failed longest ago are forgotten first.
type hosts struct {
	longest time.Duration // pause
	log     *slog.Logger

	mu     sync.Mutex
	byName map[string]*list.Element // of *silence
	age    list.List                // the one that failed longest ago in front
}

// silence is what is remembered of a host that did not answer last time.
type silence struct {
	host    string
	inARow  int
	pause   time.Duration
	retryAt time.Time
	trying  bool // one request was let through, and has not come back
}

func (s *silence) open() bool { return s.inARow >= silentFailures }

func newHosts(longest time.Duration, log *slog.Logger) *hosts {
	return &hosts{longest: longest, log: log, byName: map[string]*list.Element{}}
}

// admit lets a request to a host go ahead, or refuses it with LeftAlone. What came of
// a request that went ahead has to be told to done.
func (h *hosts) admit(host string) (done func(error), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	done = func(err error) { h.note(host, err) }
	element := h.byName[host]
	if element == nil {
		return done, nil
	}
	s, now := element.Value.(*silence), time.Now()
	switch {
	case !s.open():
		return done, nil
	case s.trying:
		return nil, &LeftAlone{Host: host, Until: now.Add(firstPause)}
	case now.Before(s.retryAt):
		return nil, &LeftAlone{Host: host, Until: s.retryAt}
	}
	s.trying = true
	return func(err error) {
		h.tried(s)
		h.note(host, err)
	}, nil
}

// tried ends the pause of a host for which a request was let through.
func (h *hosts) tried(s *silence) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.trying = false
	s.pause = min(2*s.pause, h.longest)
}

// note takes down what came of a request.
func (h *hosts) note(host string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch _, unanswered := errors.AsType[silent](err); {
	case unanswered:
		h.failed(host, err)
	case !errors.Is(err, thumb.ErrBusy): // else nobody knows
		h.answered(host)
	}
}

// answered forgets the failures of a host. The caller holds mu.
func (h *hosts) answered(host string) {
	element := h.byName[host]
	if element == nil {
		return
	}
	if element.Value.(*silence).open() {
		h.log.Info("host of originals answers again", slog.String("host", host))
	}
	h.forget(element)
}

// failed counts a request that the host left without an answer, or broke off. The
// caller holds mu.
func (h *hosts) failed(host string, err error) {
	element := h.byName[host]
	if element == nil {
		element = h.age.PushBack(&silence{host: host, pause: min(firstPause, h.longest)})
		h.byName[host] = element
	}
	h.age.MoveToBack(element)
	s := element.Value.(*silence)
	s.inARow++
	s.retryAt = time.Now().Add(s.pause)
	if s.inARow == silentFailures {
		h.log.Warn("host of originals does not answer, and is left alone", slog.String("host", host), slog.Any("error", err))
	}
	for h.age.Len() > MaxSilent {
		h.forget(h.age.Front())
	}
}

// forget removes a host. The caller holds mu.
func (h *hosts) forget(element *list.Element) {
	delete(h.byName, h.age.Remove(element).(*silence).host)
}

// leftAlone returns how many hosts are left alone.
func (h *hosts) leftAlone() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for e := h.age.Front(); e != nil; e = e.Next() {
		if e.Value.(*silence).open() {
			n++
		}
	}
	return n
}
