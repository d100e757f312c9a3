package proxy

import "github.com/prometheus/client_golang/prometheus"

// passReason says why a request was passed through untouched; a metric's label.
type passReason string

// The reasons. They are a closed set.
const (
	reasonNotEligible passReason = "not_eligible"
)

// Metrics are the collectors of this package.
type Metrics struct{}

// NewMetrics registers the package's collectors with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics { return &Metrics{} }
