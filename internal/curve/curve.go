// Package curve says what a cache over ristretto would reach at other sizes: the size
// curve. The cache tells it of every look-up (Count), shows it some of them (Show), and
// says what has changed; the package knows neither the cache nor its metrics.
//
// There are two such caches. The warm set (resolver) looks up a page of captures at once,
// which cost about the same; in this package's words a look-up has keys, which cost one
// each. The response cache (proxy/responses) looks up one answer, and what answers cost
// differs by a thousand times (Imitated.Sized).
//
// The curve is drawn from miniatures of the cache at other sizes (miniature.go). The
// method is SHARDS (Waldspurger et al., FAST '15) with miniature simulations (Waldspurger
// et al., ATC '17), but for what is sampled: a page needs no query only where all of its
// captures are held, so whole look-ups are, by the neighbourhood in which the caller says
// that they lie. One of the warm set is where its first id is: a page is always shown or
// never; nearly always the same goes for a list that new captures have moved on, and for
// the pages of its single captures.
//
// What always holds:
//
//   - No request ever waits for the curve. A look-up that is not shown costs a hash and a
//     few additions; one that is shown is copied into a queue of bounded length, or
//     dropped (feed.go). One goroutine takes from the queue, and rests in between.
//   - It takes 2 MiB at most, whatever there is to be held and however large the cache.
package curve

import (
	"fmt"
	"math"
	"strconv"
)

// Curve says what a cache would reach at other sizes, by the look-ups of the last hours.
type Curve struct {
	Lookups int64  // that it is measured by; older ones weigh less
	Sizes   []Size // the smallest first
}

// Size is one size of a Curve.
type Size struct {
	Times   float64 // the present size
	MaxSize int64   // bytes
	Lookups float64 // share of look-ups that found all
	Keys    float64 // share of keys found; of sized ones, of their weight
}

// Curve returns the present size curve. At the present size it is what the cache
// itself has reached; the miniatures say how much more or less others would.
func (e *Estimator) Curve() Curve {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.catchUp()
	o := e.observed
	drawn := Curve{Lookups: int64(o.lookups)}
	for i, n := range e.counted {
		size := Size{
			Times: float64(sizes[i]) / float64(sizes[present]), MaxSize: e.sizeAt(i),
			Lookups: 1 - share(o.missed.lookups, o.lookups),
			Keys:    1 - share(o.missed.keys, o.keys),
		}
		if i != present {
			larger := i > present
			size.Lookups = reaches(larger, size.Lookups, share(n.own.lookups, n.of.lookups), share(n.real.lookups, n.of.lookups))
			size.Keys = reaches(larger, size.Keys, share(n.own.keys, n.of.keys), share(n.real.keys, n.of.keys))
		}
		drawn.Sizes = append(drawn.Sizes, size)
	}
	return drawn
}

// reaches estimates what another size would reach, from what the present one has, and
// what the two missed of some look-ups: smaller ones answer so much of what the present
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
	few     = 1000  // look-ups; below, the curve is not worth a word
	worth   = 0.02  // of look-ups: what a larger size must bring
	nothing = 0.005 // of look-ups: what a smaller size may take
)

// Advice is what the curve comes to, in a sentence. minSize is the smallest size that the
// cache may have, lookups what it calls a look-up in the plural, and found what it says of
// those that find all.
func (c Curve) Advice(minSize int64, lookups, found string) string {
	if c.Lookups < few {
		return fmt.Sprintf("Too few %s so far to say: %d of %d.", lookups, c.Lookups, few)
	}
	now := c.Sizes[present]
	other, do := c.Sizes[present+2], "keep it" // twice the present
	for _, s := range c.Sizes[present+1:] {
		if s.Lookups >= now.Lookups+worth && (do == "keep it" || s.Lookups >= other.Lookups+worth) {
			other, do = s, "enlarge it"
		}
	}
	if do == "keep it" {
		for _, s := range c.Sizes[:present] {
			if s.Lookups >= now.Lookups-nothing && s.MaxSize >= minSize {
				other, do = s, "that would do, too"
				break
			}
		}
	}
	return fmt.Sprintf("At %s %s of %s %s; %s would make it %s: %s.",
		mebibytes(now.MaxSize), percent(now.Lookups), lookups, found, mebibytes(other.MaxSize), percent(other.Lookups), do)
}

func mebibytes(n int64) string {
	return strconv.FormatFloat(math.Round(float64(n)/(1<<20)*100)/100, 'f', -1, 64) + " MiB"
}

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1000)/10, 'f', -1, 64) + " %"
}
