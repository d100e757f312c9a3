package proxy

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/wire"
)

// passReason says why a request was passed through untouched; a metric's label from a
// closed set. The parts have theirs: pageReasons, thumbnailReasons, fileReasons.
type passReason string

const reasonNotEligible passReason = "not_eligible"

// Metrics are the collectors of this package, and the wire's.
type Metrics struct {
	wire       *wire.Metrics
	passed     map[passReason]prometheus.Counter
	pages      *pageMetrics
	thumbnails map[thumbnailOutcome]prometheus.Counter
	fallbacks  *fallbackMetrics
	files      *fileMetrics
	signatures *signatureMetrics
	filled     prometheus.Counter
	limits     limitMetrics
	responses  *responses.Metrics
}

// NewMetrics registers the collectors with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		wire:       wire.NewMetrics(reg, routeNames...),
		passed:     map[passReason]prometheus.Counter{},
		pages:      newPageMetrics(reg),
		thumbnails: newThumbnailMetrics(reg),
		fallbacks:  newFallbackMetrics(reg),
		files:      newFileMetrics(reg),
		signatures: newSignatureMetrics(reg),
		filled:     newFilledMetric(reg),
		limits:     newLimitMetrics(reg),
		responses:  responses.NewMetrics(reg),
	}
	passed := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_passed_through_total", Help: "Requests passed to the app and back untouched, by why nothing better was done.",
	}, []string{"reason"})
	for _, reason := range slices.Concat([]passReason{reasonNotEligible}, pageReasons, thumbnailReasons, fileReasons) {
		m.passed[reason] = passed.WithLabelValues(string(reason))
	}
	return m
}
