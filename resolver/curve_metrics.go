package resolver

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// curveCollector tells the size curve: a series a size, by how many times the
// present one it is.
type curveCollector struct{ metrics *Metrics }

var (
	curvePages = prometheus.NewDesc("thumbedge_warmset_curve_pages_ratio",
		"Share of the last hours' pages that a warm set so many times the present size would answer without a query, as estimated.", []string{"times"}, nil)
	curveCaptures = prometheus.NewDesc("thumbedge_warmset_curve_captures_ratio",
		"Share of the last hours' captures that a warm set so many times the present size would find, as estimated.", []string{"times"}, nil)
)

func (c curveCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- curvePages
	descs <- curveCaptures
}

// Collect tells nothing as long as there was no page.
func (c curveCollector) Collect(told chan<- prometheus.Metric) {
	w := c.metrics.state.Load()
	if w == nil {
		return
	}
	drawn := w.Curve()
	if drawn.Pages == 0 {
		return
	}
	for _, s := range drawn.Sizes {
		times := strconv.FormatFloat(s.Times, 'f', -1, 64)
		told <- prometheus.MustNewConstMetric(curvePages, prometheus.GaugeValue, s.Pages, times)
		told <- prometheus.MustNewConstMetric(curveCaptures, prometheus.GaugeValue, s.Captures, times)
	}
}
