package imaging

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// lines are those that wait, one line for each client and host of originals. The first
// line of each host is known at once, however many wait: a line that changes moves up or
// down its host's heap.
type lines[T any] struct {
	before   func(a, b *line[T]) bool // of one host
	byHost   map[string]*hostLines[T]
	byClient map[thumb.Client]map[string]*line[T]
	compared int // so many lines with another, so far; for tests
}

// line are those of one client that wait for one host of originals, the oldest first; a
// line that waits is not empty.
type line[T any] struct {
	client  thumb.Client
	host    string
	waiting []aged[T]
	at      int // in the host's heap
}

// aged is one that waits, by the number of its job.
type aged[T any] struct {
	number uint64
	what   T
}

func (l *line[T]) oldest() aged[T]   { return l.waiting[0] }
func (l *line[T]) youngest() aged[T] { return l.waiting[len(l.waiting)-1] }

// hostLines are the lines of one host, a heap.
type hostLines[T any] struct {
	all   *lines[T]
	lines []*line[T]
	n     int // in all of them
}

// first returns the line that comes before all others of the host.
func (h *hostLines[T]) first() *line[T] { return h.lines[0] }

func newLines[T any](before func(a, b *line[T]) bool) *lines[T] {
	return &lines[T]{before: before, byHost: map[string]*hostLines[T]{}, byClient: map[thumb.Client]map[string]*line[T]{}}
}

// add has one wait, in the line that is returned.
func (s *lines[T]) add(client thumb.Client, host string, number uint64, what T) *line[T] {
	l := s.byClient[client][host]
	if l == nil {
		l = s.open(client, host, aged[T]{number, what})
	} else {
		l.waiting = slices.Insert(l.waiting, l.index(number), aged[T]{number, what})
		heap.Fix(s.byHost[host], l.at)
	}
	s.byHost[host].n++
	return l
}

// open begins a line.
func (s *lines[T]) open(client thumb.Client, host string, first aged[T]) *line[T] {
	l := &line[T]{client: client, host: host, waiting: []aged[T]{first}}
	if s.byClient[client] == nil {
		s.byClient[client] = map[string]*line[T]{}
	}
	s.byClient[client][host] = l
	h := s.byHost[host]
	if h == nil {
		h = &hostLines[T]{all: s}
		s.byHost[host] = h
	}
	heap.Push(h, l)
	return l
}

// remove takes the one with that number out of its line.
func (s *lines[T]) remove(l *line[T], number uint64) {
	at, h := l.index(number), s.byHost[l.host]
	h.n--
	if len(l.waiting) > 1 {
		l.waiting = slices.Delete(l.waiting, at, at+1)
		heap.Fix(h, l.at)
		return
	}
	heap.Remove(h, l.at)
	if h.n == 0 {
		delete(s.byHost, l.host)
	}
	delete(s.byClient[l.client], l.host)
	if len(s.byClient[l.client]) == 0 {
		delete(s.byClient, l.client)
	}
}

// moved puts a client's lines where they belong, after what before says of them has changed.
func (s *lines[T]) moved(client thumb.Client) {
	for host, l := range s.byClient[client] {
		heap.Fix(s.byHost[host], l.at)
	}
}

// index is where the one with a number is, or would be.
func (l *line[T]) index(number uint64) int {
	at, _ := slices.BinarySearchFunc(l.waiting, number, func(a aged[T], number uint64) int { return cmp.Compare(a.number, number) })
	return at
}

// The methods of heap.Interface.

func (h *hostLines[T]) Len() int { return len(h.lines) }

func (h *hostLines[T]) Less(i, j int) bool {
	h.all.compared++
	return h.all.before(h.lines[i], h.lines[j])
}

func (h *hostLines[T]) Swap(i, j int) {
	h.lines[i], h.lines[j] = h.lines[j], h.lines[i]
	h.lines[i].at, h.lines[j].at = i, j
}

func (h *hostLines[T]) Push(l any) {
	l.(*line[T]).at = len(h.lines)
	h.lines = append(h.lines, l.(*line[T]))
}

func (h *hostLines[T]) Pop() any {
	last := len(h.lines) - 1
	l := h.lines[last]
	h.lines[last] = nil
	h.lines = h.lines[:last]
	return l
}
