package scene

import (
	"image"
	"math"
	"math/rand/v2"

	"golang.org/x/image/vector"
)

// insect is one animal on the cloth.
type insect struct {
	*species
	coat     coat
	x, y     float32 // of its middle, in pixels
	size     float32 // of a forewing, in pixels
	cos, sin float32 // of its heading
	seed     uint32
	parts    []part // from the bottom up
}

// part is an outline of an insect, in its own units, and how it is painted.
type part struct {
	outline []point
	paint   func(at point) colour
	sheer   float32
}

func newInsect(rng *rand.Rand, kind *species, x, y, size float32) insect {
	heading := rng.NormFloat64() * 0.9 // most climb
	i := insect{species: kind, coat: kind.coats[rng.IntN(len(kind.coats))], x: x, y: y, size: size,
		cos: float32(math.Cos(heading)), sin: float32(math.Sin(heading)), seed: rng.Uint32()}
	shade := 0.8 + rng.Float32()*0.35
	for _, c := range []*colour{&i.coat.ground, &i.coat.dark, &i.coat.pale, &i.coat.accent} {
		*c = c.times(shade).tint(colour{255, 251 + rng.Float32()*4, 244 + rng.Float32()*10})
	}
	i.assemble()
	return i
}

// assemble puts the animal together: hindwings lowest, the head on top.
func (i *insect) assemble() {
	sides := func(outline []point, paint func(point) colour) {
		for _, side := range []float32{1, -1} {
			mirrored := make([]point, len(outline))
			for n, p := range outline {
				mirrored[n] = point{p.u, p.v * side}
			}
			i.parts = append(i.parts, part{mirrored, paint, i.sheer})
		}
	}
	if i.legs {
		for n := range 3 {
			u := -0.25 + 0.2*float32(n)
			sides(stroke([]point{{u, 0.05}, {u - 0.1 + 0.15*float32(n), 0.35}, {u + 0.25*float32(n-1), 0.55}}, 0.025), i.plain(i.coat.dark))
		}
	}
	if len(i.hind) > 0 {
		sides(curve(i.hind), i.hindwing)
	}
	if i.abdomen.wide > 0 {
		i.parts = append(i.parts, part{i.ellipse(i.abdomen), i.body(i.abdomen, true), 0})
	}
	if len(i.fore) > 0 {
		sides(curve(i.fore), i.forewing)
	}
	if len(i.antenna) > 0 {
		sides(stroke(curveOpen(i.antenna), i.feathered), i.plain(i.coat.dark.mix(i.coat.ground, 0.4)))
	}
	for _, o := range []oval{i.thorax, i.head} {
		i.parts = append(i.parts, part{i.ellipse(o), i.body(o, false), 0})
	}
}

// crowded says whether the insect would sit on another.
func (i *insect) crowded(others []insect) bool {
	for n := range others {
		o := &others[n]
		dx, dy := i.x-o.x, i.y-o.y
		apart := 0.75 * (i.radius() + o.radius())
		if dx*dx+dy*dy < apart*apart {
			return true
		}
	}
	return false
}

// radius is about how far the animal reaches from its middle, in pixels.
func (i *insect) radius() float32 {
	if len(i.hind) > 0 {
		return i.size * 1.05
	}
	return i.size * 0.75
}

// place returns the outline in pixels of a picture that is shrunk, and the
// smallest rectangle around it.
func (i *insect) place(outline []point, shrunk, dx, dy float32) ([]point, image.Rectangle) {
	placed := make([]point, len(outline))
	low, high := point{1e9, 1e9}, point{-1e9, -1e9}
	for n, p := range outline {
		// The head, at negative u, looks up where the heading is 0. The middle of
		// the animal is at u = 0.3.
		u, v := (p.u-0.3)*i.size, p.v*i.size
		q := point{(i.x+v*i.cos-u*i.sin)/shrunk + dx, (i.y+v*i.sin+u*i.cos)/shrunk + dy}
		placed[n] = q
		low, high = point{min(low.u, q.u), min(low.v, q.v)}, point{max(high.u, q.u), max(high.v, q.v)}
	}
	return placed, image.Rect(int(low.u)-1, int(low.v)-1, int(high.u)+2, int(high.v)+2)
}

// cover rasterises an outline that lies within box.
func cover(outline []point, box image.Rectangle) *image.Alpha {
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	for n, p := range outline {
		if n == 0 {
			r.MoveTo(p.u-float32(box.Min.X), p.v-float32(box.Min.Y))
			continue
		}
		r.LineTo(p.u-float32(box.Min.X), p.v-float32(box.Min.Y))
	}
	r.ClosePath()
	mask := image.NewAlpha(image.Rect(0, 0, box.Dx(), box.Dy()))
	r.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	return mask
}

// draw paints the animal, lit as the cloth is where it sits.
func (i *insect) draw(canvas *image.RGBA, f *field) {
	x := max(0, min(f.width-1, int(i.x)/shrink))
	y := max(0, min(f.height-1, int(i.y)/shrink))
	light := 0.30 + 0.72*f.light[y*f.width+x]
	for n := range i.parts {
		p := &i.parts[n]
		outline, box := i.place(p.outline, 1, 0, 0)
		mask := cover(outline, box)
		seen := box.Intersect(canvas.Bounds())
		for py := seen.Min.Y; py < seen.Max.Y; py++ {
			for px := seen.Min.X; px < seen.Max.X; px++ {
				a := mask.Pix[(py-box.Min.Y)*mask.Stride+px-box.Min.X]
				if a == 0 {
					continue
				}
				dx, dy := float32(px)+0.5-i.x, float32(py)+0.5-i.y
				at := point{(dy*i.cos-dx*i.sin)/i.size + 0.3, (dx*i.cos + dy*i.sin) / i.size}
				c := p.paint(at).times(light)
				blend(canvas.Pix[canvas.PixOffset(px, py):], c, float32(a)/255*(1-p.sheer))
			}
		}
	}
}

func blend(pix []uint8, c colour, alpha float32) {
	for n := range 3 {
		pix[n] = level(float32(pix[n]) + (c[n]-float32(pix[n]))*alpha)
	}
}
