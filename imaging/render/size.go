package render

import (
	"cmp"
	"math"
	"slices"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// size is a picture's width and height in pixels.
type size struct{ w, h int }

// fit returns the size of the picture that spec makes of a w×h original, exactly
// as the app arrives at it: the height that follows from the width is cut to
// whole pixels, and then Pillow's thumbnail() fits the picture into that box, by
// which the width may shrink by a pixel (700×369 in 240 is 239×126), or by many
// where the original is very flat.
func fit(w, h int, spec thumb.Spec) size {
	boxW, boxH := spec.Width, spec.Height
	if boxH == 0 {
		boxH = max(1, int(int64(h)*int64(boxW)/int64(w)))
	}
	if boxW >= w && boxH >= h {
		return size{w, h}
	}
	aspect := float64(w) / float64(h)
	if float64(boxW)/float64(boxH) >= aspect {
		return size{nearest(float64(boxH)*aspect, func(n float64) float64 { return math.Abs(aspect - n/float64(boxH)) }), boxH}
	}
	return size{boxW, nearest(float64(boxW)/aspect, func(n float64) float64 {
		if n == 0 {
			return 0
		}
		return math.Abs(aspect - float64(boxW)/n)
	})}
}

// nearest rounds x to the neighbour with the smaller deviation, the lower where
// they are equal, and never below one.
func nearest(x float64, deviation func(float64) float64) int {
	low, high := math.Floor(x), math.Ceil(x)
	if deviation(high) < deviation(low) {
		low = high
	}
	return max(1, int(low))
}

// largestFirst returns the positions of sizes, that of the widest picture first.
func largestFirst(sizes []size) []int {
	order := make([]int, len(sizes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(sizes[b].w, sizes[a].w), cmp.Compare(sizes[b].h, sizes[a].h))
	})
	return order
}

// eighthsFor returns the smallest scale, in eighths, at which no side of a w×h JPEG has
// fewer samples than that of the picture wanted. Samples that are picture only partly
// do not count: nothing is scaled down to be scaled up again.
func eighthsFor(w, h int, want size) int {
	if want.thin() {
		return draftFor(w, h, want)
	}
	for m := 1; m < 8; m++ {
		if w*m >= 8*want.w && h*m >= 8*want.h {
			return m
		}
	}
	return 8
}

// thin says of a picture that what its edges are made of shows. There a JPEG has
// samples that are mixed with padding, and it takes Pillow's very steps to come to
// Pillow's colours: its scale, pixels, and samples that weigh as if all were picture.
func (s size) thin() bool { return min(s.w, s.h) < 16 }

// draftFor returns the scale at which Pillow's draft() decodes, in eighths: that which
// halves and leaves at least twice as many samples as the picture has.
func draftFor(w, h int, want size) int {
	m := 8
	for m > 1 && w/(2*want.w) >= 16/m && h/(2*want.h) >= 16/m {
		m /= 2
	}
	return m
}

// scaled is n samples at so many eighths of the size.
func scaled(n, eighths int) int { return (n*eighths + 7) / 8 }
