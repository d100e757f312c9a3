// Package curve says what the warm set would reach at other sizes: the size curve.
// resolver tells it of every page (Count), shows it some of them (Show), and says what
// has changed; it knows neither the warm set nor its metrics.
//
// The curve is drawn from miniatures of the warm set at other sizes (miniature.go). The
// method is SHARDS (Waldspurger et al., FAST '15) with miniature simulations (Waldspurger
// et al., ATC '17), but for what is sampled: a page needs no query only where all of its
// captures are held, so whole pages are, by the neighbourhood of ids in which they begin.
// A page is always shown or never; nearly always the same goes for a list that new
// captures have moved on, and for the pages of its single captures.
//
// What always holds:
//
//   - No request ever waits for the curve. A page that is not shown costs a hash and a
//     few additions; one that is shown is copied into a queue of bounded length, or
//     dropped (feed.go). One goroutine takes from the queue, and rests in between.
//   - It takes 2 MiB at most, whatever there is to be held and however large the warm
//     set.
package curve

import (
	"fmt"
	"math"
	"strconv"
)

// Curve says what the warm set would reach at other sizes, by the pages of the last
// hours.
type Curve struct {
	Pages  int64  `json:"pages"` // that it is measured by; older ones weigh less
	Sizes  []Size `json:"sizes"` // the smallest first
	Advice string `json:"advice"`
}

// Size is one size of a Curve.
type Size struct {
	Times    float64 `json:"times"`    // the present size
	MaxSize  int64   `json:"max_size"` // bytes
	Pages    float64 `json:"pages"`    // share of pages answered without a query
	Captures float64 `json:"captures"` // share of captures found
}

// Curve returns the present size curve. At the present size it is what the warm set
// itself has reached; the miniatures say how much more or less others would.
func (e *Estimator) Curve() Curve {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.catchUp()
	o := e.observed
	drawn := Curve{Pages: int64(o.pages)}
	for i, n := range e.counted {
		size := Size{
			Times: float64(sizes[i]) / float64(sizes[present]), MaxSize: e.sizeAt(i),
			Pages:    1 - share(o.missed.pages, o.pages),
			Captures: 1 - share(o.missed.captures, o.captures),
		}
		if i != present {
			larger := i > present
			size.Pages = reaches(larger, size.Pages, share(n.own.pages, n.of.pages), share(n.real.pages, n.of.pages))
			size.Captures = reaches(larger, size.Captures, share(n.own.captures, n.of.captures), share(n.real.captures, n.of.captures))
		}
		drawn.Sizes = append(drawn.Sizes, size)
	}
	drawn.Advice = drawn.advice(e.warm.MinSize)
	return drawn
}

// reaches estimates what another size would reach, from what the present one has, and
// what the two missed of some pages: smaller ones answer so much of what the present
// one does, larger ones miss so much of it. No larger one is said to answer less: a
// miniature that began its turn with nothing may have missed more.
func reaches(larger bool, present, own, real float64) float64 {
	switch {
	case larger && own < real:
		return 1 - (1-present)*own/real
	case !larger && own > real:
		return present * (1 - own) / (1 - real)
	}
	return present
}

func share(part, all float64) float64 {
	if all <= 0 {
		return 1
	}
	return min(part/all, 1) // both are estimates
}

const (
	fewPages = 1000  // below, the curve is not worth a word
	worth    = 0.02  // of pages: what a larger size must bring
	nothing  = 0.005 // of pages: what a smaller size may take
)

// advice is what the curve comes to, in a sentence.
func (c Curve) advice(minSize int64) string {
	if c.Pages < fewPages {
		return fmt.Sprintf("Too few pages so far to say: %d of %d.", c.Pages, fewPages)
	}
	now := c.Sizes[present]
	other, do := c.Sizes[present+2], "keep it" // twice the present
	for _, s := range c.Sizes[present+1:] {
		if s.Pages >= now.Pages+worth && (do == "keep it" || s.Pages >= other.Pages+worth) {
			other, do = s, "enlarge it"
		}
	}
	if do == "keep it" {
		for _, s := range c.Sizes[:present] {
			if s.Pages >= now.Pages-nothing && s.MaxSize >= minSize {
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
