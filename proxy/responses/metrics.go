package responses

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// counter is a collector that can be asked what it has counted.
type counter struct {
	n    atomic.Int64
	told prometheus.Counter
}

func (c *counter) add(n int64) {
	c.n.Add(n)
	c.told.Add(float64(n))
}

// Metrics are the collectors of this package.
type Metrics struct {
	hits, stale, validated, collapsed, misses, passed counter
	stored, saved                                     counter
	unstorable                                        map[Reason]prometheus.Counter
	cache                                             atomic.Pointer[Cache]
}

// reasons are all there are.
var reasons = []Reason{
	reasonStatus, reasonNoStore, reasonPrivate, reasonSetCookie, reasonVary, reasonStream, reasonUnderstood, reasonAuthorization,
	reasonCookie, reasonEncoding, reasonNoLifetime, reasonNoUse, reasonLarge, reasonBroken, reasonOutdated,
}

// NewMetrics registers the collectors with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	with := promauto.With(reg)
	requests := with.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_responses_requests_total",
		Help: "GET and HEAD requests that may be answered from the response cache, by what became of them: hit, stale, validated (the app said that it still holds), collapsed (with another request's), miss, or bypass.",
	}, []string{"result"})
	unstorable := with.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_responses_unstorable_total", Help: "Answers of the app that were not kept, by why.",
	}, []string{"reason"})
	m := &Metrics{unstorable: map[Reason]prometheus.Counter{}}
	for name, c := range map[string]*counter{
		"hit": &m.hits, "stale": &m.stale, "validated": &m.validated, "collapsed": &m.collapsed, "miss": &m.misses, "bypass": &m.passed,
	} {
		c.told = requests.WithLabelValues(name)
	}
	reg.MustRegister(curveCollector{m})
	m.stored.told = with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_responses_stored_total", Help: "Answers of the app that were kept."})
	m.saved.told = with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_responses_saved_bytes_total", Help: "Bytes of bodies that the app did not have to send."})
	for _, reason := range reasons {
		m.unstorable[reason] = unstorable.WithLabelValues(string(reason))
	}
	gauge := func(name, help string, value func(*store) float64) {
		with.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if c := m.cache.Load(); c != nil {
				return value(c.store)
			}
			return 0
		})
	}
	gauge("thumbedge_responses_entries", "Answers in the response cache.", func(s *store) float64 { return float64(s.entries.Load()) })
	gauge("thumbedge_responses_bytes", "Bytes that they take, by the cache's own account.", func(s *store) float64 { return float64(s.bytes.Load()) })
	gauge("thumbedge_responses_max_bytes", "responses.max_size.", func(s *store) float64 { return float64(s.size.Load()) })
	with.NewCounterFunc(prometheus.CounterOpts{Name: "thumbedge_responses_evictions_total", Help: "URLs that there was no room for any more."}, func() float64 {
		if c := m.cache.Load(); c != nil {
			return float64(c.store.evicted.Load())
		}
		return 0
	})
	return m
}
