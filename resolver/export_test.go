package resolver

import (
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
