package proxy

import (
	"context"
	"errors"
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
	wait  time.Duration
}

// fallbackLine is the line of one kind.
type fallbackLine struct {
	places, waiting     chan struct{} // hold one for each that is in
	atApp, waitingGauge prometheus.Gauge
}

func newFallbacks(places, queue int, wait time.Duration, metrics *fallbackMetrics) *fallbacks {
	f := &fallbacks{wait: wait}
	for kind := range f.lines {
		f.lines[kind] = fallbackLine{
			places: make(chan struct{}, places), waiting: make(chan struct{}, queue),
			atApp: metrics.atApp[kind], waitingGauge: metrics.waiting[kind],
		}
	}
	return f
}

var errTooManyFallbacks = errors.New("too many requests for thumbnails are at the app")

// enter waits for a place, which the caller leaves, for as long as the request's client
// does. The error is errTooManyFallbacks where too many wait or the wait is over, else
// the context's.
func (f *fallbacks) enter(kind fallbackKind, client func() (context.Context, context.CancelFunc)) (leave func(), err error) {
	line := &f.lines[kind]
	select {
	case line.places <- struct{}{}:
		return line.taken(), nil
	default:
	}
	select {
	case line.waiting <- struct{}{}:
	default:
		return nil, errTooManyFallbacks
	}
	line.waitingGauge.Inc()
	defer func() { <-line.waiting; line.waitingGauge.Dec() }()
	ctx, cancel := client()
	defer cancel()
	over := time.NewTimer(f.wait)
	defer over.Stop()
	select {
	case line.places <- struct{}{}:
		return line.taken(), nil
	case <-over.C:
		return nil, errTooManyFallbacks
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// taken counts a place that was just taken.
func (l *fallbackLine) taken() (leave func()) {
	l.atApp.Inc()
	return func() {
		<-l.places
		l.atApp.Dec()
	}
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
