package resolver

import (
	"fmt"
	"math"
	"strconv"
)

// Curve says what the warm set would reach at other sizes, by the pages of the last
// hours.
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

// Curve returns the present size curve. At the present size it is what the warm set
// itself has reached; the miniatures say how much more or less others would. The
// further below the present size, the rougher (TestCurve has figures).
func (w *WarmSet) Curve() Curve {
	c := w.curve
	c.mu.Lock()
	defer c.mu.Unlock()
	c.catchUp(w)
	o := c.observed
	drawn := Curve{Pages: int64(o.pages)}
	for i, n := range c.counted {
		one, both := c.at(i).each(), max(c.at(i).each(), c.at(curvePresent).each())
		drawn.Sizes = append(drawn.Sizes, CurveSize{
			Times: float64(curveSizes[i]) / float64(curveSizes[curvePresent]), MaxSize: c.sizeAt(i),
			Pages:    1 - best(o.missed.pages, n.alone.pages, n.together.pages-n.present.pages, one, both, o.pages),
			Captures: 1 - best(o.missed.captures, n.alone.captures, n.together.captures-n.present.captures, one, both, o.captures),
		})
	}
	drawn.Advice = drawn.advice()
	return drawn
}

// best estimates the share that a size would miss. There are two estimates: what its
// miniature missed; and what the warm set itself has missed, which is known, with
// the difference between the miniatures of the two sizes. Either is a count of every
// so many (one, both), whose variance is in proportion to that and to what it counts;
// the better one weighs as much more.
func best(known, missed, difference, one, both, all float64) float64 {
	if all <= 0 {
		return 1
	}
	ownVariance, otherVariance := one*max(missed, one), both*math.Abs(difference)
	estimate := (missed*otherVariance + (known+difference)*ownVariance) / (ownVariance + otherVariance)
	return min(max(estimate/all, 0), 1)
}

const (
	fewPages = 1000  // below, the curve is not worth a word
	worth    = 0.02  // of pages: what a larger size must bring
	nothing  = 0.005 // of pages: what a smaller size may take
)

// advice is what the curve comes to, in a sentence.
func (c Curve) advice() string {
	if c.Pages < fewPages {
		return fmt.Sprintf("Too few pages so far to say: %d of %d.", c.Pages, fewPages)
	}
	now := c.Sizes[curvePresent]
	other, do := c.Sizes[curvePresent+2], "keep it" // twice the present
	for _, s := range c.Sizes[curvePresent+1:] {
		if s.Pages >= now.Pages+worth && (do == "keep it" || s.Pages >= other.Pages+worth) {
			other, do = s, "enlarge it"
		}
	}
	if do == "keep it" {
		for _, s := range c.Sizes[:curvePresent] {
			if s.Pages >= now.Pages-nothing && s.MaxSize >= MinSize {
				other, do = s, "that would do, too"
				break
			}
		}
	}
	return fmt.Sprintf("At %s %s of pages need no query; %s would make it %s: %s.",
		mebibytes(now.MaxSize), percent(now.Pages), mebibytes(other.MaxSize), percent(other.Pages), do)
}

func mebibytes(n int64) string {
	return strconv.FormatFloat(math.Round(float64(n)/(1<<20)*100)/100, 'f', -1, 64) + " MiB"
}

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1000)/10, 'f', -1, 64) + " %"
}
