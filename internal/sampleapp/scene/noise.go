package scene

import "math"

// hash mixes two coordinates and a seed to 32 bits that look random.
func hash(x, y int32, seed uint32) uint32 {
	h := uint32(x)*0x9e3779b1 ^ uint32(y)*0x85ebca77 ^ seed*0xc2b2ae3d
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	h *= 0x297a2d39
	return h ^ h>>15
}

// noise is smooth value noise in 0..1, one lump a unit.
func noise(x, y float32, seed uint32) float32 {
	fx, fy := float32(math.Floor(float64(x))), float32(math.Floor(float64(y)))
	ix, iy := int32(fx), int32(fy)
	tx, ty := smooth(x-fx), smooth(y-fy)
	at := func(x, y int32) float32 { return float32(hash(x, y, seed)>>8) * (1.0 / (1 << 24)) }
	return lerp(lerp(at(ix, iy), at(ix+1, iy), tx), lerp(at(ix, iy+1), at(ix+1, iy+1), tx), ty)
}

// layered sums octaves of noise, each half as coarse and half as strong; 0..1.
func layered(x, y float32, octaves int, seed uint32) float32 {
	var sum, weight, total float32 = 0, 1, 0
	for i := range octaves {
		sum += weight * noise(x, y, seed+uint32(i)*101)
		total += weight
		x, y, weight = x*2.03+17.1, y*2.03+5.3, weight/2
	}
	return sum / total
}

func smooth(t float32) float32           { return t * t * (3 - 2*t) }
func lerp(a, b, t float32) float32       { return a + (b-a)*t }
func clamp(v, low, high float32) float32 { return max(low, min(high, v)) }
func sqrt(v float32) float32             { return float32(math.Sqrt(float64(v))) }
func sin(v float32) float32              { return float32(math.Sin(float64(v))) }
func exp(v float32) float32              { return float32(math.Exp(float64(v))) }

// step rises smoothly from 0 at low to 1 at high.
func step(low, high, v float32) float32 { return smooth(clamp((v-low)/(high-low), 0, 1)) }

// colour is red, green and blue, 0..255, as they stand in the file.
type colour [3]float32

func (c colour) mix(o colour, t float32) colour {
	return colour{lerp(c[0], o[0], t), lerp(c[1], o[1], t), lerp(c[2], o[2], t)}
}

func (c colour) times(f float32) colour { return colour{c[0] * f, c[1] * f, c[2] * f} }

func (c colour) tint(o colour) colour {
	return colour{c[0] * o[0] / 255, c[1] * o[1] / 255, c[2] * o[2] / 255}
}
