package admin

import (
	"sync"
	"time"
)

// count is how often something was counted: lately, which is in the hour that the history
// keeps, and since the start.
type count struct{ lately, ever float64 }

// limitOf is the chart of the limits of a chart of what is in use.
var limitOf = map[string]string{"used": "limit", "database_busy": "database_limit"}

// reckon works out, by chart and series, what was counted until latest, and for which
// share of the time a limit was reached. Span is how long lately is.
func (h *history) reckon(latest sample, started time.Time) (counted map[string]map[string]count, full map[string]map[string]float64, span time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var before sample // all was 0, unless the history has forgotten how it began
	span = latest.at.Sub(started)
	if len(h.samples) == historyPoints {
		before = h.samples[0]
		span = latest.at.Sub(before.at)
	}
	counted = map[string]map[string]count{}
	for chart, series := range latest.readings {
		counted[chart] = map[string]count{}
		for name, now := range series {
			counted[chart][name] = count{max(0, now.value-before.readings[chart][name].value), now.value}
		}
	}
	full = map[string]map[string]float64{}
	for chart, limits := range limitOf {
		full[chart] = map[string]float64{}
		for _, s := range h.samples {
			for name, used := range s.readings[chart] {
				limit := s.readings[limits][name]
				if chart == "database_busy" {
					limit = s.readings[limits][limits]
				}
				if limit.value > 0 && used.value >= limit.value {
					full[chart][name] += 1 / float64(len(h.samples))
				}
			}
		}
	}
	return counted, full, span
}

// standing remembers since when each part is as it is.
type standing struct {
	mu     sync.Mutex
	byName map[string]Part
}

// since returns the readiness with the moment at which each part was first seen to be as
// it is now. A part that is as it should be has none.
func (s *standing) since(r Readiness) Readiness {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]Part{}
	parts := make([]Part, len(r.Parts))
	for i, p := range r.Parts {
		if before, known := s.byName[p.Name]; known && before.State == p.State {
			p.Since = before.Since
		} else if p.State != "ok" {
			now := time.Now()
			p.Since = &now
		}
		seen[p.Name], parts[i] = p, p
	}
	s.byName, r.Parts = seen, parts
	return r
}
