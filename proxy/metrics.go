package proxy

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// passReason says why a request was passed through untouched; a metric's label.
type passReason string

// The reasons. They are a closed set: passReasons has them all.
const (
	reasonNotEligible passReason = "not_eligible"
)

var passReasons = append([]passReason{reasonNotEligible}, pageReasons...)

// routeName says which part answered a request; a metric's label.
type routeName uint8

const (
	routePass routeName = iota
	routePage
	routeThumbnail
	routeFile
	routeCount
)

func (r routeName) String() string { return [...]string{"pass", "page", "thumbnail", "file"}[r] }

// classes are the first digits of statuses, as a label has them.
var classes = [...]string{"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Metrics are the collectors of this package. The children of labels are looked up
// once, here, so that counting a request costs no more than the addition.
type Metrics struct {
	requests       [routeCount][len(classes)]prometheus.Counter
	durations      [routeCount]prometheus.Observer
	waits          [routeCount]prometheus.Observer
	passed         map[passReason]prometheus.Counter
	rejected       map[*rejection]prometheus.Counter
	upstreamErrors map[string]prometheus.Counter
	connections    prometheus.Gauge
	overLimit      prometheus.Counter
	clientsGone    prometheus.Counter
	answersBroken  prometheus.Counter
	retries        prometheus.Counter
	tunnels        prometheus.Gauge
	panics         prometheus.Counter
	bodyBytes      prometheus.Counter
	pages          *pageMetrics
	thumbnails     map[thumbnailOutcome]prometheus.Counter
	files          *fileMetrics
}

// NewMetrics registers the package's collectors with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		passed: map[passReason]prometheus.Counter{}, rejected: map[*rejection]prometheus.Counter{},
		upstreamErrors: map[string]prometheus.Counter{},
		connections:    gauge(reg, "thumbedge_client_connections", "Connections of clients that are open."),
		overLimit:      counter(reg, "thumbedge_client_connections_refused_total", "Connections refused because server.max_conns were open."),
		clientsGone:    counter(reg, "thumbedge_clients_gone_total", "Requests whose client went away before its answer was complete."),
		answersBroken:  counter(reg, "thumbedge_upstream_answers_broken_total", "Answers that the app broke off; the client's connection was cut."),
		retries:        counter(reg, "thumbedge_upstream_retries_total", "Requests sent to the app again, on another connection."),
		tunnels:        gauge(reg, "thumbedge_tunnels", "Upgraded connections that are open."),
		panics:         counter(reg, "thumbedge_panics_total", "Panics that were recovered; each is a bug."),
		bodyBytes:      counter(reg, "thumbedge_response_body_bytes_total", "Bytes of bodies sent to clients."),
		pages:          newPageMetrics(reg),
		thumbnails:     newThumbnailMetrics(reg),
		files:          newFileMetrics(reg),
	}
	requests := counters(reg, "thumbedge_requests_total", "Requests answered, by who answered and by class of status.", "route", "status")
	durations := times(reg, "thumbedge_request_duration_seconds", "Time from a request's head to the last byte of its answer.")
	waits := times(reg, "thumbedge_app_wait_seconds", "The app's share of a request's time: from when it was asked until its answer began.")
	for route := range routeCount {
		m.durations[route] = durations.WithLabelValues(route.String())
		m.waits[route] = waits.WithLabelValues(route.String())
		for i, class := range classes {
			m.requests[route][i] = requests.WithLabelValues(route.String(), class)
		}
	}
	passed := counters(reg, "thumbedge_passed_through_total", "Requests passed to the app and back untouched, by why nothing better was done.", "reason")
	for _, reason := range slices.Concat(passReasons, thumbnailReasons, fileReasons) {
		m.passed[reason] = passed.WithLabelValues(string(reason))
	}
	rejected := counters(reg, "thumbedge_requests_rejected_total", "Requests refused before the app heard of them, by what was wrong.", "reason")
	for _, r := range rejections {
		m.rejected[r] = rejected.WithLabelValues(r.reason)
	}
	upstream := counters(reg, "thumbedge_upstream_errors_total", "Requests that the app gave no usable answer to, by what failed.", "reason")
	for _, f := range append(failures, unknownFailure) {
		m.upstreamErrors[f.reason] = upstream.WithLabelValues(f.reason)
	}
	return m
}

// times registers a histogram of what requests take, by route.
func times(reg prometheus.Registerer, name, help string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help,
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600},
	}, []string{"route"})
	reg.MustRegister(h)
	return h
}

func counter(reg prometheus.Registerer, name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	reg.MustRegister(c)
	return c
}

func counters(reg prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	reg.MustRegister(c)
	return c
}

func gauge(reg prometheus.Registerer, name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	reg.MustRegister(g)
	return g
}
