package scene

import "math"

func (i *insect) plain(c colour) func(point) colour {
	return func(point) colour { return c }
}

// forewing paints a point of a forewing; both sides carry the same pattern.
func (i *insect) forewing(at point) colour {
	v := at.v
	if v < 0 {
		v = -v
	}
	u := at.u
	// How far out on the wing the point is, from its root.
	ru, rv := u+0.08, v-0.04
	far := sqrt(ru*ru + rv*rv)
	angle := float32(math.Atan2(float64(rv), float64(ru)))
	c := i.scales(u, v, i.coat.ground)
	if m := i.marks.streaks; m > 0 {
		c = c.mix(i.coat.dark, m*step(0.55, 0.9, noise(u*3, v*34, i.seed+3)))
	}
	c = i.banded(c, u, v, far, angle)
	if i.marks.stigma {
		c = i.spot(c, u-0.40, v-0.20, 0.050, 1)
		c = i.spot(c, u-0.60, v-0.27, 0.062, 0.62)
	}
	return i.finish(c, u, v, far, angle)
}

// hindwing paints a point of a hindwing.
func (i *insect) hindwing(at point) colour {
	v := at.v
	if v < 0 {
		v = -v
	}
	u := at.u
	far := sqrt(u*u + v*v)
	angle := float32(math.Atan2(float64(v), float64(u)))
	c := i.scales(u, v, i.coat.ground.mix(i.coat.accent, 0.65))
	return i.finish(i.banded(c, u, v, far*1.15, angle), u, v, far, angle)
}

// scales is the wing's ground, powdered with light and dark scales.
func (i *insect) scales(u, v float32, ground colour) colour {
	cloud := layered(u*5, v*5, 2, i.seed)
	c := ground.mix(i.coat.pale, 0.35*step(0.5, 0.85, cloud)).mix(i.coat.dark, 0.35*step(0.55, 0.15, cloud))
	grain := float32(hash(int32(u*i.size*0.7), int32(v*i.size*0.7), i.seed)>>24)/255 - 0.5
	return c.times(1 + 0.16*grain)
}

// banded lays the cross lines over the wing, each dark with a pale rim.
func (i *insect) banded(c colour, u, v, far, angle float32) colour {
	m := &i.marks
	ripple := m.wavy * (sin(angle*15+float32(i.seed%7)) + 1.4*(noise(angle*6, far*2, i.seed+1)-0.5))
	d := far + ripple
	if len(m.bands) > 2 && m.middle > 0 {
		c = c.mix(i.coat.dark, m.middle*step(m.bands[1]-0.03, m.bands[1], d)*step(m.bands[2]+0.03, m.bands[2], d))
	}
	// Lines are worn here and there, more on some animals than on others.
	strength := (0.45 + 0.35*float32(i.seed>>8%64)/64) * (0.6 + 0.6*noise(u*7, v*7, i.seed+12))
	for _, at := range m.bands {
		off := (d - at) / 0.018
		c = c.mix(i.coat.dark, strength*exp(-off*off))
		off -= 2.2
		c = c.mix(i.coat.pale, 0.6*strength*exp(-off*off))
	}
	if m.dots > 0 {
		gu, gv := u*m.dots+0.5*float32(int(v*m.dots)%2), v*m.dots
		cu, cv := gu-float32(math.Floor(float64(gu)))-0.5, gv-float32(math.Floor(float64(gv)))-0.5
		if hash(int32(math.Floor(float64(gu))), int32(math.Floor(float64(gv))), i.seed)%3 > 0 {
			c = c.mix(i.coat.dark, step(0.26, 0.16, sqrt(cu*cu+cv*cv)))
		}
	}
	return c
}

// spot is a pale ring with a dark rim, as noctuids have two of.
func (i *insect) spot(c colour, u, v, radius, squeeze float32) colour {
	d := sqrt(u*u/(squeeze*squeeze)+v*v) / radius
	c = c.mix(i.coat.pale, 0.8*step(1.1, 0.8, d))
	rim := (d - 1.12) / 0.2
	c = c.mix(i.coat.dark, 0.85*exp(-rim*rim))
	return c.mix(i.coat.ground, 0.7*step(0.55, 0.3, d))
}

// finish adds what all wings share: veins, an eyespot, and light that falls off
// towards the body and the edge.
func (i *insect) finish(c colour, u, v, far, angle float32) colour {
	if i.marks.veins > 0 {
		ridge := sin(angle*13 + 0.6*far)
		c = c.mix(i.coat.dark, i.marks.veins*exp(-ridge*ridge*30))
	}
	if r := i.marks.eye; r > 0 {
		for _, centre := range []point{{0.0, 0.62}, {0.42, 0.40}} {
			d := sqrt((u-centre.u)*(u-centre.u)+(v-centre.v)*(v-centre.v)) / r
			c = c.mix(i.coat.dark, step(1.0, 0.85, d)).mix(sulfur.pale, step(0.8, 0.65, d)).mix(i.coat.ground.times(0.9), step(0.4, 0.3, d))
		}
	}
	fold := 1 - 0.22*exp(-v*v/0.004)
	return c.times(fold * (0.94 + 0.10*noise(u*2+3, v*2, i.seed+9)))
}

// body paints a round, hairy part: darker at its sides, ringed if it is an
// abdomen.
func (i *insect) body(o oval, ringed bool) func(point) colour {
	base := i.coat.ground.mix(i.coat.dark, 0.25)
	if ringed {
		base = base.mix(i.coat.accent, 0.55)
	}
	if len(i.fore) == 0 { // a beetle: polished
		base = i.coat.ground
	}
	middle, half := (o.from+o.to)/2, (o.to-o.from)/2
	return func(at point) colour {
		across, along := at.v/o.wide, (at.u-middle)/half
		hair := noise(at.u*60, at.v*25, i.seed+4) - 0.5
		c := base.times((1 - 0.42*across*across) * (1 - 0.15*along*along) * (1 + 0.3*hair))
		if ringed && len(i.fore) > 0 {
			ring := sin(at.u * 34)
			c = c.mix(i.coat.dark, 0.4*step(0.4, 1, ring))
		}
		if len(i.fore) == 0 {
			seam := at.v / 0.012
			c = c.mix(i.coat.dark, 0.8*exp(-seam*seam)*step(-0.1, 0, at.u))
			shine := (across + 0.35) / 0.16
			c = c.mix(colour{255, 255, 255}, 0.35*exp(-shine*shine)*(1-along*along))
		}
		return c
	}
}
