package tracing

import (
	"github.com/prometheus/client_golang/prometheus"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// metrics say what became of spans.
type metrics struct {
	sent, failed, dropped prometheus.Counter
	reg                   prometheus.Registerer
}

func newMetrics(reg prometheus.Registerer) *metrics {
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_spans_total", Help: "Spans of traces, by what became of them: sent to the collector, dropped since too many waited, or failed since the collector was away or refused them.",
	}, []string{"outcome"})
	reg.MustRegister(ended)
	return &metrics{ended.WithLabelValues("sent"), ended.WithLabelValues("failed"), ended.WithLabelValues("dropped"), reg}
}

// waiting shows how many spans are in a queue.
func (m *metrics) waiting(spans chan sdktrace.ReadOnlySpan) {
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "thumbedge_spans_waiting", Help: "Spans of traces that wait to be sent to the collector.",
	}, func() float64 { return float64(len(spans)) }))
}
