package resolver

import (
	"github.com/thumbedge/thumbedge/internal/curve"
	"github.com/thumbedge/thumbedge/resolver/store"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Curve says what the warm set would reach at other sizes, by the pages of the last hours.
type Curve struct {
	Pages  int64       `json:"pages"` // that it is measured by; older ones weigh less
	Sizes  []CurveSize `json:"sizes"` // the smallest first
	Advice string      `json:"advice"`
}

// CurveSize is one size of a Curve.
type CurveSize struct {
	Times    float64 `json:"times"`    // the present size
	MaxSize  int64   `json:"max_size"` // bytes
	Pages    float64 `json:"pages"`    // share of pages answered without a query
	Captures float64 `json:"captures"` // share of captures found
}

// Curve returns the present size curve.
func (w *WarmSet) Curve() Curve {
	drawn := w.curve.Curve()
	c := Curve{Pages: drawn.Lookups, Advice: drawn.Advice(MinSize, "pages", "need no query")}
	for _, s := range drawn.Sizes {
		c.Sizes = append(c.Sizes, CurveSize{Times: s.Times, MaxSize: s.MaxSize, Pages: s.Lookups, Captures: s.Keys})
	}
	return c
}

// imitated is what the size curve has to know of the store.
func imitated() curve.Imitated {
	return curve.Imitated{
		MinSize: MinSize, Room: store.Room, Counters: store.Counters, Batch: store.Batch,
		OfferAgain: store.OfferAgain, Cost: store.UsualCost,
	}
}

// hoodWidth is how many bits of a capture's id make no difference to its neighbourhood.
const hoodWidth = 5

func standingOf(s thumb.Standing) curve.Standing {
	switch s {
	case thumb.Unresolved:
		return curve.Unknown
	case thumb.Missing:
		return curve.Missing
	}
	return curve.There
}
