package program

import "github.com/prometheus/client_golang/prometheus"

// Registry returns what /metrics tells of.
func (p *Program) Registry() *prometheus.Registry { return p.registry }
