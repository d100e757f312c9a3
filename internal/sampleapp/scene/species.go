package scene

import "math/rand/v2"

// point is a place on an insect: u along its body, the head at the negative end, v
// to its right. The unit is the length of a forewing.
type point struct{ u, v float32 }

// oval is a part of the body: from one u to another, half as wide as wide.
type oval struct{ from, to, wide float32 }

// species is how one sort of insect looks at rest, seen from above. The outlines
// are of the right side.
type species struct {
	size       [2]float32 // least and greatest length of a forewing, in pixels of a photo 4096 wide
	fore, hind []point
	abdomen    oval
	thorax     oval
	head       oval
	antenna    []point // its middle line; empty: too fine to see
	feathered  float32 // how wide the antenna is
	sheer      float32 // how much of what is below shows through the wings
	legs       bool
	marks      marks
	coats      []coat // colourings, one of them a moth
}

// marks is the pattern of the wings.
type marks struct {
	bands   []float32 // cross lines, by distance from the root, 0..1
	wavy    float32
	middle  float32 // how dark the field between the second and the third band is
	stigma  bool    // a noctuid's two spots
	eye     float32 // an eyespot of this radius; 0: none
	dots    float32 // an ermine's black dots, this many across
	veins   float32
	streaks float32 // along the wing
}

// coat is a colouring: the wings' ground, their marks, what is pale in them, and
// what shows on hindwings or body.
type coat struct{ ground, dark, pale, accent colour }

var (
	brown  = coat{colour{142, 118, 92}, colour{62, 46, 36}, colour{214, 196, 164}, colour{150, 120, 92}}
	ash    = coat{colour{150, 148, 144}, colour{58, 58, 62}, colour{222, 220, 214}, colour{140, 136, 130}}
	rust   = coat{colour{164, 112, 76}, colour{92, 54, 36}, colour{232, 190, 130}, colour{186, 110, 70}}
	straw  = coat{colour{214, 190, 138}, colour{140, 104, 62}, colour{240, 226, 188}, colour{206, 180, 132}}
	soot   = coat{colour{84, 76, 72}, colour{30, 27, 28}, colour{158, 148, 138}, colour{92, 80, 74}}
	moss   = coat{colour{128, 134, 92}, colour{50, 54, 40}, colour{210, 210, 170}, colour{132, 120, 96}}
	mint   = coat{colour{170, 200, 164}, colour{116, 152, 116}, colour{232, 244, 224}, colour{190, 214, 180}}
	chalk  = coat{colour{236, 234, 228}, colour{44, 42, 44}, colour{250, 250, 246}, colour{238, 226, 196}}
	sulfur = coat{colour{236, 208, 96}, colour{170, 112, 50}, colour{250, 236, 170}, colour{236, 210, 120}}
	rose   = coat{colour{206, 142, 136}, colour{130, 74, 80}, colour{240, 214, 160}, colour{224, 150, 150}}
	luna   = coat{colour{188, 222, 172}, colour{120, 66, 92}, colour{238, 244, 224}, colour{244, 240, 228}}
	hawk   = coat{colour{142, 126, 112}, colour{54, 46, 46}, colour{206, 192, 176}, colour{214, 128, 124}}
	olive  = coat{colour{130, 128, 88}, colour{66, 62, 48}, colour{226, 206, 168}, colour{222, 142, 140}}
	glass  = coat{colour{176, 204, 160}, colour{92, 138, 84}, colour{220, 236, 206}, colour{132, 180, 110}}
	black  = coat{colour{54, 46, 42}, colour{20, 18, 18}, colour{120, 108, 98}, colour{70, 56, 44}}
)

var deltaWing = []point{{-0.20, 0.07}, {0.02, 0.23}, {0.32, 0.36}, {0.64, 0.46}, {0.88, 0.50}, {0.99, 0.42}, {1.03, 0.22}, {0.99, 0.01}, {0.5, 0}, {0.1, 0}}

// The sorts of insects, the commoner ones more than once in the census below.
var (
	noctuid = species{size: [2]float32{95, 195}, fore: deltaWing,
		abdomen: oval{0.1, 1.0, 0.13}, thorax: oval{-0.34, 0.16, 0.20}, head: oval{-0.45, -0.27, 0.11},
		antenna: []point{{-0.40, 0.06}, {-0.52, 0.2}, {-0.42, 0.42}, {-0.2, 0.5}}, feathered: 0.012,
		marks: marks{bands: []float32{0.26, 0.44, 0.72, 0.88}, wavy: 0.03, middle: 0.25, stigma: true, streaks: 0.25},
		coats: []coat{brown, ash, rust, soot, moss, straw}}
	ermine = species{size: [2]float32{120, 175}, fore: deltaWing,
		abdomen: oval{0.1, 0.95, 0.13}, thorax: oval{-0.32, 0.16, 0.20}, head: oval{-0.43, -0.26, 0.11},
		antenna: []point{{-0.40, 0.05}, {-0.55, 0.18}, {-0.6, 0.34}}, feathered: 0.03,
		marks: marks{dots: 7, streaks: 0.05}, coats: []coat{chalk, sulfur}}
	geometrid = species{size: [2]float32{85, 165},
		fore:    []point{{-0.12, 0.05}, {-0.26, 0.34}, {-0.40, 0.76}, {-0.42, 1.02}, {-0.26, 1.04}, {-0.02, 0.88}, {0.16, 0.62}, {0.14, 0.3}, {0.1, 0.05}},
		hind:    []point{{0.0, 0.05}, {0.04, 0.48}, {0.14, 0.78}, {0.34, 0.84}, {0.56, 0.70}, {0.72, 0.46}, {0.70, 0.22}, {0.4, 0.04}},
		abdomen: oval{0.02, 0.66, 0.075}, thorax: oval{-0.2, 0.08, 0.10}, head: oval{-0.27, -0.17, 0.065},
		antenna: []point{{-0.24, 0.03}, {-0.42, 0.16}, {-0.56, 0.36}}, feathered: 0.02,
		marks: marks{bands: []float32{0.34, 0.5, 0.7, 0.86}, wavy: 0.025, middle: 0.12, veins: 0.08}, coats: []coat{ash, straw, mint, chalk, brown, soot}}
	emerald = species{size: [2]float32{115, 165}, fore: geometrid.fore, hind: geometrid.hind,
		abdomen: geometrid.abdomen, thorax: geometrid.thorax, head: geometrid.head, antenna: geometrid.antenna, feathered: 0.03,
		marks: marks{bands: []float32{0.46, 0.74}, wavy: 0.012, veins: 0.05}, coats: []coat{mint}}
	crambid = species{size: [2]float32{80, 130},
		fore:    []point{{-0.1, 0.04}, {0.08, 0.26}, {0.42, 0.52}, {0.66, 0.66}, {0.82, 0.60}, {0.88, 0.34}, {0.84, 0.02}, {0.4, 0}},
		abdomen: oval{0.1, 0.92, 0.07}, thorax: oval{-0.22, 0.12, 0.12}, head: oval{-0.34, -0.18, 0.07},
		marks: marks{bands: []float32{0.4, 0.75}, wavy: 0.04, streaks: 0.1, stigma: true}, coats: []coat{straw, chalk, rust, sulfur, rose}}
	micro = species{size: [2]float32{48, 95},
		fore:   []point{{-0.14, 0.04}, {0.06, 0.15}, {0.5, 0.19}, {0.9, 0.20}, {1.06, 0.11}, {1.0, 0}, {0.4, 0}},
		thorax: oval{-0.2, 0.1, 0.10}, head: oval{-0.3, -0.14, 0.07},
		marks: marks{bands: []float32{0.38, 0.68}, wavy: 0.05, middle: 0.35, streaks: 0.3}, coats: []coat{brown, ash, straw, soot, rust, chalk}}
	hawkmoth = species{size: [2]float32{220, 310},
		fore:    []point{{-0.24, 0.09}, {-0.14, 0.36}, {0.14, 0.80}, {0.46, 1.10}, {0.58, 1.12}, {0.60, 0.94}, {0.50, 0.66}, {0.44, 0.40}, {0.34, 0.12}, {0.1, 0.06}},
		hind:    []point{{0.10, 0.1}, {0.30, 0.44}, {0.52, 0.62}, {0.64, 0.54}, {0.62, 0.34}, {0.50, 0.10}},
		abdomen: oval{0.0, 1.02, 0.165}, thorax: oval{-0.42, 0.2, 0.20}, head: oval{-0.54, -0.32, 0.125},
		antenna: []point{{-0.46, 0.07}, {-0.5, 0.26}, {-0.36, 0.5}}, feathered: 0.022,
		marks: marks{bands: []float32{0.3, 0.46, 0.70, 0.84}, wavy: 0.02, middle: 0.3, streaks: 0.35, veins: 0.1}, coats: []coat{hawk, olive, ash}}
	lunamoth = species{size: [2]float32{300, 350},
		fore: []point{{-0.06, 0.05}, {-0.22, 0.36}, {-0.34, 0.78}, {-0.34, 1.06}, {-0.22, 1.10}, {-0.02, 0.90}, {0.16, 0.70}, {0.26, 0.46}, {0.22, 0.1}},
		hind: []point{{0.12, 0.06}, {0.22, 0.44}, {0.36, 0.62}, {0.58, 0.56}, {0.80, 0.42}, {1.10, 0.38}, {1.42, 0.46}, {1.62, 0.50},
			{1.70, 0.42}, {1.56, 0.30}, {1.20, 0.22}, {0.86, 0.14}, {0.5, 0.04}},
		abdomen: oval{0.0, 0.62, 0.12}, thorax: oval{-0.2, 0.14, 0.14}, head: oval{-0.28, -0.14, 0.08},
		antenna: []point{{-0.24, 0.04}, {-0.36, 0.14}, {-0.42, 0.28}}, feathered: 0.06,
		marks: marks{eye: 0.07, veins: 0.08, bands: []float32{0.84}, wavy: 0.01}, coats: []coat{luna}}
	caddis = species{size: [2]float32{70, 120},
		fore:   []point{{-0.12, 0.04}, {0.1, 0.14}, {0.6, 0.22}, {0.98, 0.21}, {1.1, 0.1}, {1.06, 0}, {0.4, 0}},
		thorax: oval{-0.22, 0.06, 0.09}, head: oval{-0.3, -0.16, 0.07}, antenna: []point{{-0.28, 0.02}, {-0.6, 0.14}, {-1.0, 0.2}}, feathered: 0.012,
		marks: marks{veins: 0.25, streaks: 0.3}, sheer: 0.15, coats: []coat{brown, straw, soot}}
	lacewing = species{size: [2]float32{90, 130},
		fore:    []point{{-0.1, 0.04}, {0.1, 0.2}, {0.6, 0.40}, {1.0, 0.44}, {1.16, 0.34}, {1.0, 0.14}, {0.5, 0.03}},
		abdomen: oval{0, 0.8, 0.05}, thorax: oval{-0.2, 0.06, 0.06}, head: oval{-0.28, -0.16, 0.05},
		antenna: []point{{-0.26, 0.02}, {-0.6, 0.2}, {-0.9, 0.26}}, feathered: 0.008,
		marks: marks{veins: 0.5}, sheer: 0.62, coats: []coat{glass}}
	beetle = species{size: [2]float32{40, 85}, abdomen: oval{-0.12, 0.62, 0.26}, thorax: oval{-0.32, -0.04, 0.2}, head: oval{-0.44, -0.26, 0.12}, legs: true,
		coats: []coat{black, rust, brown}}
	midge = species{size: [2]float32{12, 30}, fore: []point{{-0.1, 0.04}, {0.3, 0.34}, {0.9, 0.5}, {1.0, 0.38}, {0.6, 0.1}},
		abdomen: oval{0, 0.95, 0.07}, thorax: oval{-0.3, 0.06, 0.13}, head: oval{-0.4, -0.26, 0.07}, sheer: 0.6, legs: true, coats: []coat{black, soot, straw}}
)

// census is who comes to the light; what stands more often comes more often.
var census = []*species{
	&noctuid, &noctuid, &noctuid, &noctuid, &noctuid, &geometrid, &geometrid, &geometrid, &geometrid, &emerald,
	&crambid, &crambid, &crambid, &micro, &micro, &micro, &micro, &ermine, &ermine, &caddis, &caddis, &lacewing, &beetle,
}

// settle decides which insects sit where: thicker near the lamp, hardly any on
// another, nearly all on the cloth.
func settle(rng *rand.Rand, s setup, l lamp, width, height int) []insect {
	scale := float32(width) / 4096
	var guests []*species
	for range 22 + rng.IntN(34) {
		guests = append(guests, census[rng.IntN(len(census))])
	}
	for range rng.IntN(3) {
		guests = append(guests, &hawkmoth)
	}
	if rng.IntN(4) == 0 {
		guests = append(guests, &lunamoth)
	}
	for range 20 + rng.IntN(110) {
		guests = append(guests, &midge)
	}
	var there []insect
	high := float32(height) / float32(width)
	for _, kind := range guests {
		size := lerp(kind.size[0], kind.size[1], rng.Float32()) * scale
		for range 40 {
			u := lerp(max(0, s.edges[0])+0.02, 1-max(0, s.edges[2])-0.02, rng.Float32())
			v := lerp(max(0, s.edges[1])+0.03, high-max(0, s.edges[3])-0.04, rng.Float32())
			du, dv := u-l.x, v-l.y
			if rng.Float32() > 0.25+exp(-(du*du+dv*dv)/0.12) {
				continue
			}
			one := newInsect(rng, kind, u*float32(width), v*float32(width), size)
			if one.crowded(there) {
				continue
			}
			there = append(there, one)
			break
		}
	}
	return there
}
