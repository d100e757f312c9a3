package imaging

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Metrics are the collectors of the cold path.
type Metrics struct {
	thumbnails *prometheus.CounterVec // by outcome
	private    *prometheus.CounterVec // of drafts, by outcome
	outdated   *prometheus.CounterVec // rows removed, by which
	jobs       *prometheus.CounterVec // by outcome
	stages     *prometheus.HistogramVec
	coalesced  prometheus.Counter
	dropped    prometheus.Counter
	resources  *resources
	originals  prometheus.Counter // bytes fetched
	leases     *prometheus.CounterVec
	limited    *prometheus.CounterVec // by what a host of originals had its share of
	outqueued  prometheus.Counter     // captures of clients that had more than their share
	swept      *prometheus.CounterVec
	failed     map[Cause]prometheus.Counter
}

// NewMetrics makes the collectors and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "thumbedge_" + name, Help: help})
		reg.MustRegister(c)
		return c
	}
	counters := func(name, help string, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "thumbedge_" + name, Help: help}, []string{label})
		reg.MustRegister(c)
		return c
	}
	m := &Metrics{
		thumbnails: counters("cold_thumbnails_total", "Cold thumbnails that clients asked for, by what they got.", "outcome"),
		private:    counters("private_thumbnails_total", "Cold thumbnails of drafts that signed requests asked for, by what they got.", "outcome"),
		outdated:   counters("draft_rows_removed_total", "Thumbnail rows removed for what projects and captures have become: private ones without a draft, public ones of a draft.", "rows"),
		jobs:       counters("cold_labels_total", "Labels that were worked on, by what became of each.", "outcome"),
		coalesced:  counter("cold_coalesced_total", "Requests that joined work already in hand for their capture."),
		dropped:    counter("cold_prefetch_dropped_total", "Prefetches given up because clients needed the room, or refused for lack of it."),
		resources:  &resources{},
		originals:  counter("cold_original_bytes_total", "Bytes of originals fetched."),
		leases:     counters("cold_leases_total", "Statements that ask for a lease, by outcome.", "outcome"),
		limited:    counters("cold_host_limited_total", "Captures that had to wait for the share of turns of their original's host (turns), or gave way in the queue (queue).", "share"),
		outqueued:  counter("cold_client_limited_total", "Captures that gave way in the full queue since their client had the most in it."),
		swept:      counters("swept_files_total", "Replaced or left-over files that the sweep looked at, by outcome.", "outcome"),
	}
	failed := counters("cold_failures_total", "Labels that could not be made, or whose picture could not be kept, by why.", "cause")
	m.failed = map[Cause]prometheus.Counter{}
	for _, cause := range causes {
		m.failed[cause] = failed.WithLabelValues(string(cause))
	}
	m.limited.WithLabelValues("turns")
	m.limited.WithLabelValues("queue")
	m.stages = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "thumbedge_cold_stage_seconds", Help: "Time that one capture spends in each stage of the cold path.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"stage"})
	reg.MustRegister(m.stages, m.resources)
	return m
}

// resources collects what the cold path takes of everything that is bounded, when
// the metrics are read.
type resources struct{ state atomic.Pointer[func() State] }

var (
	usedDesc  = prometheus.NewDesc("thumbedge_cold_used", "What cold work takes now of each bounded resource.", []string{"resource"}, nil)
	limitDesc = prometheus.NewDesc("thumbedge_cold_limit", "How much of each bounded resource cold work may take.", []string{"resource"}, nil)
)

func (*resources) Describe(ch chan<- *prometheus.Desc) {
	ch <- usedDesc
	ch <- limitDesc
}

func (c *resources) Collect(ch chan<- prometheus.Metric) {
	state := c.state.Load()
	if state == nil {
		return // no Renderer yet
	}
	for name, gauge := range (*state)().gauges() {
		ch <- prometheus.MustNewConstMetric(usedDesc, prometheus.GaugeValue, float64(gauge.Now), name)
		ch <- prometheus.MustNewConstMetric(limitDesc, prometheus.GaugeValue, float64(gauge.Limit), name)
	}
}

// observe makes a Renderer the one whose resources are shown.
func (m *Metrics) observe(r *Renderer) {
	state := r.State
	m.resources.state.Store(&state)
}

// stage begins to time a stage; calling what it returns ends it.
func (m *Metrics) stage(name string) func() {
	began := time.Now()
	return func() { m.stages.WithLabelValues(name).Observe(time.Since(began).Seconds()) }
}

// outcomeOf names what became of a label, as metrics and logs have it.
func outcomeOf(made Thumbnail, err error) string {
	switch {
	case err == nil && made.URL == "" && made.Key == "":
		return "not_kept"
	case err == nil:
		return "made"
	case errors.Is(err, thumb.ErrUnknownCapture):
		return "unknown_capture"
	case errors.Is(err, thumb.ErrNotPublic):
		return "not_public"
	case errors.Is(err, thumb.ErrPublic):
		return "public"
	case errors.Is(err, thumb.ErrOriginalUnavailable):
		return "unavailable"
	case errors.Is(err, thumb.ErrOriginalUnusable):
		return "unusable"
	case errors.Is(err, thumb.ErrOriginalForApp):
		return "for_app"
	case errors.Is(err, thumb.ErrDatabase):
		return "database"
	case errors.Is(err, thumb.ErrInternal):
		return "internal"
	}
	return "busy"
}
