package scene

import (
	"math"
	"math/rand/v2"
)

// lamp is the light of a scene, in fractions of the photo's width.
type lamp struct {
	x, y   float32 // where it hangs
	reach  float32 // how far it shines
	tint   colour
	power  float32 // 1: the cloth under it is just white
	seed   uint32
	fabric float32 // how strong folds and stains are tonight
}

// setup is a trap as it was built: what the camera sees with no insect there.
type setup struct {
	name    string
	cloth   colour
	lampX   float32
	lampY   float32
	tint    colour
	texture func() *texture
	// edges are the board's margins within the picture, left, top, right, bottom,
	// in fractions of the width; beyond them is night.
	edges [4]float32
	kind  kind
}

type kind uint8

const (
	board kind = iota // painted, in a metal frame
	sheet             // hung up, in folds
	panel             // grey, with marks for scale
)

var setups = [Cameras]setup{
	{name: "SNAIL-1", cloth: colour{238, 238, 242}, lampX: 0.5, lampY: -0.02, tint: colour{224, 222, 255},
		texture: func() *texture { return felt(0.035) }, edges: [4]float32{0.045, -0.1, 0.045, 0.02}, kind: board},
	{name: "HEDGEROW", cloth: colour{246, 240, 228}, lampX: 0.8, lampY: 0.1, tint: colour{255, 246, 228},
		texture: func() *texture { return weave(7, 0.03) }, edges: [4]float32{0.07, 0.025, -0.1, 0.03}, kind: sheet},
	{name: "FEN-EAST", cloth: colour{196, 200, 200}, lampX: 0.22, lampY: 0.05, tint: colour{240, 255, 246},
		texture: func() *texture { return felt(0.06) }, edges: [4]float32{-0.1, -0.1, 0.05, 0.035}, kind: panel},
}

func (s *setup) light(rng *rand.Rand) lamp {
	return lamp{
		x: s.lampX + float32(rng.NormFloat64())*0.03, y: s.lampY + float32(rng.NormFloat64())*0.015,
		reach: 0.50 + rng.Float32()*0.18, tint: s.tint, power: 0.86 + rng.Float32()*0.2, seed: rng.Uint32(), fabric: 0.6 + rng.Float32()*0.7,
	}
}

// surface fills the field: the cloth in the lamp's light, its frame, and the night
// around it.
func (s *setup) surface(f *field, rng *rand.Rand, l lamp) {
	unit := 1 / float32(f.width)
	high := float32(f.height) * unit
	tilt := float32(rng.NormFloat64()) * 0.008
	for y := range f.height {
		for x := range f.width {
			u, v := float32(x)*unit, float32(y)*unit
			glow := l.at(u, v, high)
			// Distance within the cloth's edges, which are never quite straight.
			sway := (noise(u*3+v*5, 3, l.seed) - 0.5) * 0.006
			inside := min(min(u-s.edges[0]-tilt*(v-high/2), 1-s.edges[2]-u+tilt*(v-high/2)), min(v-s.edges[1]+tilt*(u-0.5), high-s.edges[3]-v-tilt*(u-0.5))) + sway
			cloth := s.cloth.tint(l.tint).times(glow * s.relief(u, v, l))
			night := s.night(u, v, l).times(0.25 + glow*0.5)
			i := y*f.width + x
			f.pix[i] = s.frame(night, inside, glow).mix(cloth, step(0, 0.0022, inside))
			f.light[i] = glow
		}
	}
}

// at is how much of the lamp's light falls on a point.
func (l *lamp) at(u, v, high float32) float32 {
	du, dv := u-l.x, (v-l.y)*1.15
	near := exp(-(du*du + dv*dv) / (l.reach * l.reach))
	cu, cv := u-0.5, v-high/2
	vignette := 1 - 0.7*(cu*cu+cv*cv)
	return l.power * (0.24 + 0.88*near) * vignette
}

// relief is the cloth's own unevenness, a factor around 1.
func (s *setup) relief(u, v float32, l lamp) float32 {
	stains := 1 - 0.05*l.fabric*step(0.55, 0.8, layered(u*7, v*7, 3, l.seed+1))
	switch s.kind {
	case sheet:
		// Folds hang from the top and fade; their slopes face the lamp or do not.
		warp := (layered(u*2, v*2, 2, l.seed+2) - 0.5) * 0.12
		fold := sin((u+warp)*46+noise(u*9, v*2, l.seed+3)*5) * (noise(u*6, v*1.5, l.seed+4))
		crease := layered(u*11+v*3, v*9, 3, l.seed+5) - 0.5
		return stains * (1 + l.fabric*(0.075*fold+0.14*crease))
	case panel:
		mark := float32(1)
		// A grid of fine dots, and a scale bar of black and white.
		gu, gv := math.Mod(float64(u), 0.0625)-0.03125, math.Mod(float64(v), 0.0625)-0.03125
		if gu*gu+gv*gv < 0.0000022 {
			mark = 0.45
		}
		if v > 0.462 && v < 0.470 && u > 0.70 && u < 0.90 {
			mark = 0.16
			if int((u-0.70)/0.02)%2 == 1 {
				mark = 1.18
			}
		}
		return stains * mark * (1 + 0.05*l.fabric*(layered(u*5, v*5, 3, l.seed+6)-0.5))
	}
	return stains * (1 + 0.06*l.fabric*(layered(u*3, v*4, 3, l.seed+7)-0.5))
}

// night is what lies beyond the cloth: dark, with leaves that catch some light.
func (s *setup) night(u, v float32, l lamp) colour {
	leaves := step(0.45, 0.75, layered(u*22, v*22, 4, l.seed+8))
	return colour{7, 8, 11}.mix(colour{34, 46, 26}, leaves)
}

// frame is the metal around a painted board.
func (s *setup) frame(night colour, inside, glow float32) colour {
	if s.kind != board {
		return night
	}
	const thick = 0.012
	metal := 1 - clamp(-inside/thick, 0, 1)
	shine := 0.55 + 0.45*sin(metal*7)
	return night.mix(colour{120, 124, 132}.times(glow*shine), step(-thick, -thick+0.002, inside))
}
