package proxy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/proxy/page"
)

// pageMetrics count what became of pages. Every series is there from the start.
type pageMetrics struct {
	rewritten   prometheus.Counter
	untouched   map[passReason]prometheus.Counter
	other       prometheus.Counter
	labels      [labelVerdicts]prometheus.Counter
	notModified prometheus.Counter
	unresolved  prometheus.Counter
	memory      *prometheus.Desc
}

func newPageMetrics(reg prometheus.Registerer) *pageMetrics {
	pages := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_pages_total",
		Help: "Requests under rewrite.paths by what became of the answer, and for those left as the app sent them by the reason.",
	}, []string{"outcome", "reason"})
	labels := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_page_labels_total",
		Help: "Route URLs found in pages by verdict. Only warm ones are replaced.",
	}, []string{"verdict"})
	m := &pageMetrics{
		rewritten: pages.WithLabelValues("rewritten", ""),
		untouched: map[passReason]prometheus.Counter{},
		notModified: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "thumbedge_pages_not_modified_total",
			Help: "Conditional requests for pages that were answered with 304 here.",
		}),
		unresolved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "thumbedge_pages_unresolved_total",
			Help: "Pages for which the database did not answer in time, so that only what was in memory could be rewritten.",
		}),
	}
	for _, reason := range pageReasons {
		m.untouched[reason] = pages.WithLabelValues("untouched", string(reason))
	}
	for verdict := range labelVerdicts {
		m.labels[verdict] = labels.WithLabelValues(verdict.String())
	}
	reg.MustRegister(pages, labels, m.notModified, m.unresolved)
	return m
}

// pageReasons are all the reasons there are.
var pageReasons = [...]passReason{
	reasonMethod, reasonRange, reasonHead, reasonStatus, reasonMediaType, reasonNoTransform, reasonEmpty, reasonTooLarge, reasonMemory,
	reasonStalled, reasonBroken, reasonEncoding, reasonNotJSON, reasonNoRoutes, reasonAuthority, reasonNothingWarm,
}

func (m *pageMetrics) passed(reason passReason) prometheus.Counter { return m.untouched[reason] }

// countLabels counts the verdicts of one page.
func (p *pages) countLabels(counts *labelCounts) {
	for verdict, n := range counts {
		if n > 0 {
			p.s.metrics.pages.labels[verdict].Add(float64(n))
		}
	}
}

// countOthers counts the route URLs that a scan left alone.
func (p *pages) countOthers(f *page.Found) {
	if f.OtherHost > 0 {
		p.s.metrics.pages.labels[labelOtherAuthority].Add(float64(f.OtherHost))
	}
	if f.OtherLabel > 0 {
		p.s.metrics.pages.labels[labelOtherLabel].Add(float64(f.OtherLabel))
	}
}
