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

// eighths returns the smallest scale, in eighths, at which a JPEG decodes to no
// less than the largest picture.
func (p *Plan) eighths() int {
	want := p.largest()
	for m := 1; m < 8; m++ {
		if scaled(p.Width, m) >= want.w && scaled(p.Height, m) >= want.h {
			return m
		}
	}
	return 8
}

// scaled is n samples at so many eighths of the size.
func scaled(n, eighths int) int { return (n*eighths + 7) / 8 }
