package resolver

import (
	"time"

	"github.com/thumbedge/thumbedge/internal/curve"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// ShowCurve does what Resolve does for the size curve, and only that.
func (w *WarmSet) ShowCurve(ids []thumb.ID, known []thumb.Known) {
	w.Reader().tellCurve(ids, known, nil)
}

// ShowAll has the size curve be shown every page, whatever memory that takes.
func (w *WarmSet) ShowAll() {
	w.curve.Close()
	w.curve = curve.NewExhaustive(w.Reader().cfg.MaxSize, imitated())
}

// Pass lets time pass by the warm set's clock. Nobody else may be using it.
func (w *WarmSet) Pass(d time.Duration) { w.start = w.start.Add(-d) }
