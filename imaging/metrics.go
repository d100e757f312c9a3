package imaging

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Metrics are the collectors of the cold path.
type Metrics struct {
	thumbnails *prometheus.CounterVec // by outcome
	jobs       *prometheus.CounterVec // by outcome
	stages     *prometheus.HistogramVec
	coalesced  prometheus.Counter
	dropped    prometheus.Counter
	captures   prometheus.Gauge
	used       *prometheus.GaugeVec // by resource, set when read
	limits     *prometheus.GaugeVec
	originals  prometheus.Counter // bytes fetched
	remembered prometheus.Gauge
	kept       prometheus.Gauge
	leases     *prometheus.CounterVec
	swept      *prometheus.CounterVec
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
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "thumbedge_" + name, Help: help})
		reg.MustRegister(g)
		return g
	}
	gauges := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "thumbedge_" + name, Help: help}, []string{"resource"})
		reg.MustRegister(g)
		return g
	}
	m := &Metrics{
		thumbnails: counters("cold_thumbnails_total", "Cold thumbnails that clients asked for, by what they got.", "outcome"),
		jobs:       counters("cold_labels_total", "Labels that were worked on, by what became of each.", "outcome"),
		coalesced:  counter("cold_coalesced_total", "Requests that joined work already in hand for their capture."),
		dropped:    counter("cold_prefetch_dropped_total", "Prefetches given up because clients needed the room, or refused for lack of it."),
		captures:   gauge("cold_captures", "Captures in hand, waiting or worked on. The limit is render.queue plus the workers."),
		used:       gauges("cold_used", "What cold work takes now of each bounded resource."),
		limits:     gauges("cold_limit", "How much of each bounded resource cold work may take."),
		originals:  counter("cold_original_bytes_total", "Bytes of originals fetched."),
		remembered: gauge("cold_failures_remembered", "Captures whose failure is remembered."),
		kept:       gauge("cold_kept_picture_bytes", "Bytes of pictures kept because storage or database did not take them."),
		leases:     counters("cold_leases_total", "Statements that ask for a lease, by outcome.", "outcome"),
		swept:      counters("swept_files_total", "Replaced or left-over files that the sweep looked at, by outcome.", "outcome"),
	}
	m.stages = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "thumbedge_cold_stage_seconds", Help: "Time that one capture spends in each stage of the cold path.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"stage"})
	reg.MustRegister(m.stages)
	return m
}

// stage begins to time a stage; calling what it returns ends it.
func (m *Metrics) stage(name string) func() {
	began := time.Now()
	return func() { m.stages.WithLabelValues(name).Observe(time.Since(began).Seconds()) }
}

// outcomeOf names what became of a label, as metrics and logs have it.
func outcomeOf(made Thumbnail, err error) string {
	switch {
	case err == nil && made.URL == "":
		return "not_kept"
	case err == nil:
		return "made"
	case errors.Is(err, thumb.ErrUnknownCapture):
		return "unknown_capture"
	case errors.Is(err, thumb.ErrNotPublic):
		return "not_public"
	case errors.Is(err, thumb.ErrOriginalUnavailable):
		return "unavailable"
	case errors.Is(err, thumb.ErrOriginalUnusable):
		return "unusable"
	case errors.Is(err, thumb.ErrDatabase):
		return "database"
	}
	return "busy"
}
