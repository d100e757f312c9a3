package wire

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/thumbedge/thumbedge/proxy/wire/spool"
)

// Route says which part answered a request; a metric's label. It is an index into the
// names that NewMetrics was given. The first is that of a request that was not marked.
type Route uint8

// classes are the first digits of statuses, as a label has them.
var classes = [...]string{"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"}

// buckets are of requests, in seconds: an app's answer may take minutes.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600}

// Metrics are the collectors of this package. The children of labels are looked up
// once, here, so that counting a request costs no more than the addition.
type Metrics struct {
	routes         []string
	requests       [][len(classes)]prometheus.Counter // by route
	durations      []prometheus.Observer
	waits          []prometheus.Observer
	rejected       map[*rejection]prometheus.Counter
	upstreamErrors map[string]prometheus.Counter
	connections    prometheus.Gauge
	overLimit      prometheus.Counter
	clientsGone    prometheus.Counter
	answersBroken  prometheus.Counter
	retries        prometheus.Counter
	restartWaits   prometheus.Counter
	headersDropped prometheus.Counter
	tunnels        prometheus.Gauge
	panics         prometheus.Counter
	bodyBytes      prometheus.Counter

	spool           atomic.Pointer[spool.Store] // of the server that counts here
	spooledRequests prometheus.Counter
	spooledAnswers  prometheus.Counter
	spoolFull       map[string]prometheus.Counter
}

// NewMetrics registers the package's collectors with reg. The routes' names are at
// least one.
func NewMetrics(reg prometheus.Registerer, routes ...string) *Metrics {
	with := promauto.With(reg)
	m := &Metrics{
		routes: routes, requests: make([][len(classes)]prometheus.Counter, len(routes)),
		rejected: map[*rejection]prometheus.Counter{}, upstreamErrors: map[string]prometheus.Counter{},
		connections:    with.NewGauge(prometheus.GaugeOpts{Name: "thumbedge_client_connections", Help: "Connections of clients that are open."}),
		overLimit:      with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_client_connections_refused_total", Help: "Connections refused because server.max_conns were open."}),
		clientsGone:    with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_clients_gone_total", Help: "Requests whose client went away before its answer was complete."}),
		answersBroken:  with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_upstream_answers_broken_total", Help: "Answers that the app broke off; the client's connection was cut."}),
		retries:        with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_upstream_retries_total", Help: "Requests sent to the app again, on another connection."}),
		restartWaits:   with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_upstream_restart_waits_total", Help: "Requests that waited for an app that nothing listened for (upstream.restart_grace)."}),
		headersDropped: with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_request_headers_dropped_total", Help: "Headers of requests that the app was not sent because there is an underscore in their name."}),
		tunnels:        with.NewGauge(prometheus.GaugeOpts{Name: "thumbedge_tunnels", Help: "Upgraded connections that are open."}),
		panics:         with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_panics_total", Help: "Panics that were recovered; each is a bug."}),
		bodyBytes:      with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_response_body_bytes_total", Help: "Bytes of bodies sent to clients."}),
	}
	requests := with.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_requests_total", Help: "Requests answered, by who answered and by class of status.",
	}, []string{"route", "status"})
	durations := with.NewHistogramVec(prometheus.HistogramOpts{Name: "thumbedge_request_duration_seconds", Help: "Time from a request's head to the last byte of its answer.", Buckets: buckets}, []string{"route"})
	waits := with.NewHistogramVec(prometheus.HistogramOpts{Name: "thumbedge_app_wait_seconds", Help: "The app's share of a request's time: from when it was asked until its answer began.", Buckets: buckets}, []string{"route"})
	for i, route := range routes {
		m.durations = append(m.durations, durations.WithLabelValues(route))
		m.waits = append(m.waits, waits.WithLabelValues(route))
		for class, name := range classes {
			m.requests[i][class] = requests.WithLabelValues(route, name)
		}
	}
	rejected := with.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_requests_rejected_total", Help: "Requests refused before the app heard of them, by what was wrong.",
	}, []string{"reason"})
	for _, r := range rejections {
		m.rejected[r] = rejected.WithLabelValues(r.reason)
	}
	upstream := with.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_upstream_errors_total", Help: "Requests that the app gave no usable answer to, by what failed.",
	}, []string{"reason"})
	for _, f := range append(failures, unknownFailure) {
		m.upstreamErrors[f.reason] = upstream.WithLabelValues(f.reason)
	}
	m.addSpool(with)
	return m
}

// addSpool registers what is known of bodies that wait for one side.
func (m *Metrics) addSpool(with promauto.Factory) {
	held := func(of func(*spool.Store) int64) func() float64 {
		return func() float64 {
			if store := m.spool.Load(); store != nil {
				return float64(of(store))
			}
			return 0
		}
	}
	with.NewGaugeFunc(prometheus.GaugeOpts{Name: "thumbedge_spool_memory_bytes", Help: "Memory that spooled bodies take."}, held((*spool.Store).Memory))
	with.NewGaugeFunc(prometheus.GaugeOpts{Name: "thumbedge_spool_disk_bytes", Help: "Disk that spooled bodies take."}, held((*spool.Store).Disk))
	spooled := with.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_spooled_bodies_total", Help: "Bodies that were kept for a slow side: requests until they were complete, answers until their client took them.",
	}, []string{"of"})
	m.spooledRequests, m.spooledAnswers = spooled.WithLabelValues("request"), spooled.WithLabelValues("answer")
	full := with.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_spool_full_total", Help: "Bodies that found no room, by what became of them: requests streamed or refused, answers held back at the app.",
	}, []string{"outcome"})
	m.spoolFull = map[string]prometheus.Counter{}
	for _, outcome := range []string{"streamed", "refused", "held"} {
		m.spoolFull[outcome] = full.WithLabelValues(outcome)
	}
}
