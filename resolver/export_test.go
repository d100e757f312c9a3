package resolver

import "github.com/thumbedge/thumbedge/resolver/thumb"

// ShowCurve does what Resolve does for the size curve, and only that.
func (w *WarmSet) ShowCurve(ids []thumb.ID, answers []thumb.Answer) {
	w.curve.page(w, ids, answers, 0)
}

// ShowAll has the size curve be shown every page, whatever memory that takes.
func (w *WarmSet) ShowAll() {
	c := newCurve(w.cfg.MaxSize)
	c.scale, c.limit = func(int64, float64) uint { return 0 }, 1<<20
	c.minis[0] = c.miniature(0, nil)
	c.settle()
	w.curve = c
}

// Advise says what a curve comes to.
func (c Curve) Advise() string { return c.advice() }

// FullCurve returns a curve that was shown more captures than any of its miniatures
// can hold.
func FullCurve(size int64) any {
	c := newCurve(size)
	w := &WarmSet{cfg: Defaults(), metrics: NewMetrics(nil)}
	answers := make([]thumb.Answer, 500)
	for i := range answers {
		answers[i].Standing = thumb.Public
	}
	ids := make([]thumb.ID, len(answers))
	for first := thumb.ID(1); len(c.minis) < len(curveSizes) && first < 1<<40; first += 1 << 20 {
		for i := range ids {
			ids[i] = first + thumb.ID(i)
		}
		c.page(w, ids, answers, len(ids))
	}
	return c
}
