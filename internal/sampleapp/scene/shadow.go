package scene

import "image"

// shade darkens the field where the animal keeps the lamp's light off the cloth.
// It sits close: its shadow is short, soft, and on the far side of the lamp.
func (i *insect) shade(f *field, l lamp) {
	width := float32(f.width * shrink)
	du, dv := i.x-l.x*width, i.y-l.y*width
	length := max(1, sqrt(du*du+dv*dv))
	reach := i.size / shrink * 0.09
	soft := max(1, int(i.size/shrink*0.05))
	var box image.Rectangle
	var outlines [][]point
	for n := range i.parts {
		outline, around := i.place(i.parts[n].outline, shrink, du/length*reach, dv/length*reach)
		outlines = append(outlines, outline)
		box = box.Union(around)
	}
	box = box.Inset(-3 * soft)
	dark := make([]float32, box.Dx()*box.Dy())
	for n, outline := range outlines {
		mask := cover(outline, box)
		for at, a := range mask.Pix {
			dark[at] = max(dark[at], float32(a)/255*(1-0.7*i.parts[n].sheer))
		}
	}
	for range 2 {
		blur(dark, box.Dx(), box.Dy(), 1, box.Dx(), soft)
		blur(dark, box.Dy(), box.Dx(), box.Dx(), 1, soft)
	}
	seen := box.Intersect(image.Rect(0, 0, f.width, f.height))
	for y := seen.Min.Y; y < seen.Max.Y; y++ {
		for x := seen.Min.X; x < seen.Max.X; x++ {
			at := y*f.width + x
			d := dark[(y-box.Min.Y)*box.Dx()+x-box.Min.X]
			f.pix[at] = f.pix[at].mix(f.pix[at].tint(colour{70, 70, 92}), 0.8*d)
		}
	}
}

// blur averages runs of 2·reach+1 values along lines of a table: n values a line,
// each next apart, and lines of them, each line apart.
func blur(v []float32, n, lines, next, line, reach int) {
	run := make([]float32, n)
	for l := range lines {
		var sum float32
		at := func(k int) *float32 { return &v[l*line+max(0, min(n-1, k))*next] }
		for k := -reach; k <= reach; k++ {
			sum += *at(k)
		}
		for k := range n {
			run[k] = sum / float32(2*reach+1)
			sum += *at(k + reach + 1) - *at(k - reach)
		}
		for k := range n {
			*at(k) = run[k]
		}
	}
}
