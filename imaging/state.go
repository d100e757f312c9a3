package imaging

import "github.com/thumbedge/thumbedge/imaging/source"

// State is what the cold path is doing now, each figure with its limit.
type State struct {
	Captures  Gauge // in hand, waiting or worked on
	Working   Gauge // that have their turn: fetching, rendering, storing
	Workers   Gauge // rendering
	Memory    Gauge // bytes that renders take, as estimated
	Originals Gauge // bytes of originals in hand
	Kept      Gauge // bytes of pictures that could not be stored
	Failures  Gauge // captures whose failure is remembered
	LeftAlone Gauge // hosts of originals that do not answer, and are not asked
}

// Gauge is a figure and its limit.
type Gauge struct{ Now, Limit int64 }

// State returns what the cold path is doing.
func (r *Renderer) State() State {
	turns, renders, originals := r.turns.state(), r.renders.state(), r.originals.state()
	captures, most := r.jobs.count()
	remembered, kept, limit := 0, int64(0), int64(0)
	for _, f := range r.View().by.failures() {
		captures, bytes := f.state()
		remembered, kept, limit = remembered+captures, kept+bytes, limit+maxRemembered
	}
	return State{
		Captures:  Gauge{int64(captures), int64(most)},
		Working:   Gauge{int64(turns.taken), int64(turns.room)},
		Workers:   Gauge{int64(renders.taken), int64(renders.room)},
		Memory:    Gauge{renders.held, renders.bytes},
		Originals: Gauge{originals.held, originals.bytes},
		Kept:      Gauge{kept, maxKept},
		Failures:  Gauge{int64(remembered), limit},
		LeftAlone: Gauge{int64(r.sources.LeftAlone()), source.MaxSilent},
	}
}

// gauges names the figures as the metrics do.
func (s State) gauges() map[string]Gauge {
	return map[string]Gauge{
		"captures": s.Captures, "working": s.Working, "workers": s.Workers, "memory_bytes": s.Memory,
		"original_bytes": s.Originals, "kept_picture_bytes": s.Kept, "failures": s.Failures,
		"hosts_left_alone": s.LeftAlone,
	}
}
