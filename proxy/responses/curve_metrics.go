package responses

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// curveCollector tells the size curve: a series a size, by how many times the present one
// it is.
type curveCollector struct{ metrics *Metrics }

var (
	curveRequests = prometheus.NewDesc("thumbedge_responses_curve_requests_ratio",
		"Share of the last hours' requests for what may be kept that a response cache so many times the present size would answer without the app, as estimated.", []string{"times"}, nil)
	curveBytes = prometheus.NewDesc("thumbedge_responses_curve_bytes_ratio",
		"Share of the bytes of such answers that it would have sent from memory, as estimated.", []string{"times"}, nil)
)

func (c curveCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- curveRequests
	descs <- curveBytes
}

// Collect tells nothing as long as there was no such request.
func (c curveCollector) Collect(told chan<- prometheus.Metric) {
	cache := c.metrics.cache.Load()
	if cache == nil {
		return
	}
	drawn := cache.Curve()
	if drawn.Requests == 0 {
		return
	}
	for _, s := range drawn.Sizes {
		times := strconv.FormatFloat(s.Times, 'f', -1, 64)
		told <- prometheus.MustNewConstMetric(curveRequests, prometheus.GaugeValue, s.Requests, times)
		told <- prometheus.MustNewConstMetric(curveBytes, prometheus.GaugeValue, s.Bytes, times)
	}
}
