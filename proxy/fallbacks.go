package proxy

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// fallbackKind says why a request for a thumbnail is at the app, which it could make
// render.
type fallbackKind uint8

// The kinds.
const (
	fallbackFormat  fallbackKind = iota // an original that only the app may be able to render
	fallbackPrivate                     // a capture that is not public
	fallbackOther                       // nobody here can tell: no database, an odd form, an unknown label
	fallbackKinds
)

var fallbackNames = [fallbackKinds]string{"format", "private", "other"}

// fallbacks bounds the requests that could make the app render: of each kind no more
// than upstream.max_fallbacks are at the app at once, so that none keeps another out,
// and no more than render.queue wait for a place, for render.max_wait at most. Those
// that wait get the places in the order in which they came.
type fallbacks struct {
	lines [fallbackKinds]fallbackLine
}

// fallbackLine is the line of one kind.
type fallbackLine struct {
	atApp, waitingGauge prometheus.Gauge

	mu            sync.Mutex
	places, queue int       // the bounds
	taken         int       // places
	waiting       list.List // of chan struct{}, closed when it gets a place
}

func newFallbacks(metrics *fallbackMetrics) *fallbacks {
	f := &fallbacks{}
	for kind := range f.lines {
		f.lines[kind].atApp, f.lines[kind].waitingGauge = metrics.atApp[kind], metrics.waiting[kind]
	}
	return f
}

// bound sets how many places each line has, and how many may wait in it. Who has a place
// or waits already keeps it.
func (f *fallbacks) bound(places, queue int) {
	for kind := range f.lines {
		line := &f.lines[kind]
		line.mu.Lock()
		line.places, line.queue = places, queue
		line.admit()
		line.mu.Unlock()
	}
}

var errTooManyFallbacks = errors.New("too many requests for thumbnails are at the app")

// enter waits for a place, which the caller leaves, for as long as the request's client
// does. The error is errTooManyFallbacks where too many wait or the wait is over, else
// the context's.
func (f *fallbacks) enter(kind fallbackKind, wait time.Duration, client func() (context.Context, context.CancelFunc)) (leave func(), err error) {
	line := &f.lines[kind]
	place, err := line.join()
	if err != nil {
		return nil, err
	}
	admitted := place.Value.(chan struct{})
	select {
	case <-admitted:
		return line.leave, nil
	default:
	}
	line.waitingGauge.Inc()
	defer line.waitingGauge.Dec()
	ctx, cancel := client()
	defer cancel()
	over := time.NewTimer(wait)
	defer over.Stop()
	select {
	case <-admitted:
		return line.leave, nil
	case <-over.C:
		err = errTooManyFallbacks
	case <-ctx.Done():
		err = ctx.Err()
	}
	if line.giveUp(place) {
		return nil, err
	}
	return line.leave, nil // it got one at that moment
}

// join takes a place, or stands in the line where none is free.
func (l *fallbackLine) join() (place *list.Element, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken >= l.places && l.waiting.Len() >= l.queue {
		return nil, errTooManyFallbacks
	}
	place = l.waiting.PushBack(make(chan struct{}))
	l.admit()
	return place, nil
}

// admit gives the places that are free. The caller holds mu.
func (l *fallbackLine) admit() {
	for l.waiting.Len() > 0 && l.taken < l.places {
		l.taken++
		l.atApp.Inc()
		close(l.waiting.Remove(l.waiting.Front()).(chan struct{}))
	}
}

// giveUp leaves the line, and says false where the place has come.
func (l *fallbackLine) giveUp(place *list.Element) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-place.Value.(chan struct{}):
		return false
	default:
	}
	l.waiting.Remove(place)
	return true
}

// leave gives a place back.
func (l *fallbackLine) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken--
	l.atApp.Dec()
	l.admit()
}

// length returns how many wait.
func (l *fallbackLine) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting.Len()
}

// fallbackMetrics are the gauges of the lines.
type fallbackMetrics struct {
	atApp, waiting [fallbackKinds]prometheus.Gauge
}

func newFallbackMetrics(reg prometheus.Registerer) *fallbackMetrics {
	gauges := func(name, help string) (all [fallbackKinds]prometheus.Gauge) {
		vec := promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"kind"})
		for kind, label := range fallbackNames {
			all[kind] = vec.WithLabelValues(label)
		}
		return all
	}
	return &fallbackMetrics{
		atApp:   gauges("thumbedge_fallbacks_at_app", "Requests for thumbnails that are at the app and could make it render, of upstream.max_fallbacks each kind."),
		waiting: gauges("thumbedge_fallbacks_waiting", "Requests for thumbnails that wait for a place at the app, of render.queue each kind."),
	}
}
