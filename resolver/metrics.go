package resolver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Metrics are the warm set's own. A page costs a few additions, however many
// captures it holds.
type Metrics struct {
	pages         [len(pageSources)]prometheus.Counter
	results       [len(lookUpResults)]prometheus.Counter
	queries       *prometheus.CounterVec
	querySeconds  prometheus.Histogram
	waitSeconds   prometheus.Histogram
	queried       prometheus.Counter
	shared        prometheus.Counter
	refused       *prometheus.CounterVec
	panics        prometheus.Counter
	invalidations [len(scopes)]prometheus.Counter
	state         atomic.Pointer[WarmSet] // whose state the gauges show
}

// What told a page what it asked for.
const (
	fromMemory = iota
	fromQuery
	fromShared
	fromNowhere
)

var pageSources = [...]string{fromMemory: "memory", fromQuery: "query", fromShared: "shared_query", fromNowhere: "unresolved"}

// What a look-up came to: the standing that the entry tells, or, above those, why
// there was none to be believed.
const (
	lookUpAbsent = iota + int(thumb.Draft) + 1
	lookUpOutdated
	lookUpExpired
)

var lookUpResults = [...]string{
	thumb.Missing: thumb.Missing.String(), thumb.Private: thumb.Private.String(), thumb.Public: thumb.Public.String(),
	thumb.Draft:  thumb.Private.String(), // the app's to answer for
	lookUpAbsent: "absent", lookUpOutdated: "outdated", lookUpExpired: "expired",
}

// tally counts the look-ups of a page by result.
type tally [len(lookUpResults)]int

// What an invalidation concerns.
const (
	scopeCaptures = iota
	scopeEverything
	scopeGeneration
	scopeOperator
	scopeLabels
)

var scopes = [...]string{scopeCaptures: "captures", scopeEverything: "everything", scopeGeneration: "generation", scopeOperator: "operator", scopeLabels: "labels"}

// NewMetrics registers the metrics with reg; nil registers them nowhere. The
// gauges show the warm set that was last made with them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "thumbedge_warmset_" + name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "thumbedge_warmset_" + name, Help: help}, []string{label})
	}
	m := &Metrics{
		queries: vec("queries_total", "Queries for captures, by outcome (answered, timeout, failed).", "outcome"),
		querySeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "thumbedge_warmset_query_seconds", Help: "Duration of queries for captures, waiting for a connection included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}),
		waitSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "thumbedge_warmset_wait_seconds", Help: "Time that a page waited for the database, of those that did; database.page_timeout at most.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .3, .5, 1},
		}),
		queried: counter("queried_captures_total", "Captures that queries asked for."),
		shared:  counter("shared_captures_total", "Captures of pages whose answer came from another page's query."),
		refused: vec("refused_queries_total", "Queries that were not sent: the breaker is open (breaker), or too many are on their way (limit).", "reason"),
		panics:  counter("panics_total", "Panics contained while reading captures. Any is a bug."),
	}
	pages := vec("pages_total", "Pages by what answered them: memory (no query), their own query, only queries shared with other pages, or unresolved (some of it, at least).", "source")
	for i, source := range pageSources {
		m.pages[i] = pages.WithLabelValues(source)
	}
	results := vec("lookups_total", "Captures looked up in memory: found (public, private, missing from the database), or not (absent, outdated by a notification, expired).", "result")
	for i, result := range lookUpResults {
		if result != "" {
			m.results[i] = results.WithLabelValues(result)
		}
	}
	invalidations := vec("invalidations_total", "Times that entries were outdated: by a notification of captures or of everything, a new generation, or the operator.", "scope")
	for i, scope := range scopes {
		m.invalidations[i] = invalidations.WithLabelValues(scope)
	}
	for _, outcome := range []string{outcomeAnswered, outcomeTimeout, outcomeFailed} {
		m.queries.WithLabelValues(outcome)
	}
	m.gauges(f)
	if reg != nil {
		reg.MustRegister(curveCollector{m})
	}
	return m
}

const (
	outcomeAnswered = "answered"
	outcomeTimeout  = "timeout"
	outcomeFailed   = "failed"
)

// gauges registers what is read off the warm set's state when asked for.
func (m *Metrics) gauges(f promauto.Factory) {
	for _, g := range []struct {
		name, help string
		value      func(State) float64
	}{
		{"max_bytes", "Live heap that the warm set may take (cache.max_size).", func(s State) float64 { return float64(s.MaxSize) }},
		{"used_bytes", "Live heap that the warm set takes, by its own account.", func(s State) float64 { return float64(s.Used) }},
		{"captures", "Captures held, those that are outdated by now included.", func(s State) float64 { return float64(s.Captures) }},
		{"generation", "How often LISTEN has committed.", func(s State) float64 { return float64(s.Generation) }},
		{"connected", "1 while notifications are heard, 0 while entries are trusted for cache.ttl_unlistened only.", func(s State) float64 { return oneIf(s.Connected) }},
		{"breaker_open", "1 while the database counts as dead and pages do not ask it.", func(s State) float64 { return oneIf(s.BreakerOpen) }},
		{"queries_in_flight", "Queries for captures on their way.", func(s State) float64 { return float64(s.Queries) }},
	} {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: "thumbedge_warmset_" + g.name, Help: g.help}, func() float64 { return g.value(m.now()) })
	}
	f.NewCounterFunc(prometheus.CounterOpts{
		Name: "thumbedge_warmset_evictions_total", Help: "Captures evicted to make room, since the warm set was made, resized or cleared.",
	}, func() float64 { return float64(m.now().Evictions) })
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// now is the state of the warm set, if there is one yet.
func (m *Metrics) now() State {
	if w := m.state.Load(); w != nil {
		return w.State()
	}
	return State{}
}

// lookUps counts a page's look-ups.
func (m *Metrics) lookUps(t *tally) {
	for result, n := range t {
		if n > 0 {
			m.results[result].Add(float64(n))
		}
	}
}

func (m *Metrics) query(ctx context.Context, ids int, err error, took time.Duration) {
	outcome := outcomeAnswered
	switch {
	case err != nil && ctx.Err() != nil:
		outcome = outcomeTimeout
	case err != nil:
		outcome = outcomeFailed
	}
	m.queries.WithLabelValues(outcome).Inc()
	m.queried.Add(float64(ids))
	m.querySeconds.Observe(took.Seconds())
}

// refuse counts a query that was not sent.
func (m *Metrics) refuse(err error) {
	switch {
	case errors.Is(err, errBreaker):
		m.refused.WithLabelValues("breaker").Inc()
	case errors.Is(err, errFlights):
		m.refused.WithLabelValues("limit").Inc()
	}
}
