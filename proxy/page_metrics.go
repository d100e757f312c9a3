package proxy

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// pageMetrics count what became of pages; why one stayed as it was is counted with
// everything else that passes through.
type pageMetrics struct {
	rewritten, untouched, notModified prometheus.Counter
	unresolved                        prometheus.Counter
	labels                            [labelVerdicts]prometheus.Counter
	memory, waiting                   prometheus.Gauge
}

func newPageMetrics(reg prometheus.Registerer) *pageMetrics {
	with := promauto.With(reg)
	pages := with.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_pages_total", Help: "Answers under rewrite.paths by what became of them: rewritten, left as the app sent them, or answered with 304 in place of either.",
	}, []string{"outcome"})
	labels := with.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_page_labels_total", Help: "Route URLs found in pages by verdict. Only warm ones are replaced.",
	}, []string{"verdict"})
	m := &pageMetrics{
		rewritten:   pages.WithLabelValues("rewritten"),
		untouched:   pages.WithLabelValues("untouched"),
		notModified: pages.WithLabelValues("not_modified"),
		unresolved:  with.NewCounter(prometheus.CounterOpts{Name: "thumbedge_pages_unresolved_total", Help: "Pages for which the database did not answer in time: only what was in memory could be rewritten."}),
		memory:      with.NewGauge(prometheus.GaugeOpts{Name: "thumbedge_pages_memory_bytes", Help: "Memory that the pages in hand hold, of rewrite.memory."}),
		waiting:     with.NewGauge(prometheus.GaugeOpts{Name: "thumbedge_pages_waiting", Help: "Large pages that wait for their turn to be rewritten."}),
	}
	for verdict := range labelVerdicts {
		m.labels[verdict] = labels.WithLabelValues(verdict.String())
	}
	return m
}

// pageReasons are all the reasons there are.
var pageReasons = []passReason{
	reasonRange, reasonHead, reasonStatus, reasonMediaType, reasonNoTransform, reasonEmpty, reasonTooLarge, reasonMemory,
	reasonStalled, reasonBusy, reasonBroken, reasonEncoding, reasonNotJSON, reasonNoRoutes, reasonAuthority, reasonNothingWarm,
}

// countLabels counts the verdicts of one page.
func (p *pages) countLabels(counts *labelCounts) {
	for verdict, n := range counts {
		if n > 0 {
			p.metrics.labels[verdict].Add(float64(n))
		}
	}
}

// countOthers counts the route URLs that a scan left alone.
func (p *pages) countOthers(host, label int) {
	if host > 0 {
		p.metrics.labels[labelOtherAuthority].Add(float64(host))
	}
	if label > 0 {
		p.metrics.labels[labelOtherLabel].Add(float64(label))
	}
}
