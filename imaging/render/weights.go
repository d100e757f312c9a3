package render

import "math"

// weights say how the samples of a line become those of a shorter one: sample i
// is the sum of taps samples from start[i] on, times coef[i*taps:][:taps], over
// weightOne.
type weights struct {
	taps  int
	start []int
	coef  []uint64 // two's complement; see scale.go for why unsigned
}

// weightOne is the weight of 1. Seven bits are what the sums of scale.go have
// room for; the sum of the weights is exact, so flat areas stay what they are.
const (
	weightBits = 7
	weightOne  = 1 << weightBits
)

// kernel is how much a sample counts by its distance, in samples of the shorter
// line; it is nothing from radius on.
type kernel struct {
	radius float64
	at     func(x float64) float64
}

// The kernels, chosen by what came out nearest to a full-quality reference for as
// many bytes as Pillow's (bench/render). Luma takes what Pillow takes, Catmull-Rom
// (called BICUBIC there); Lanczos where libjpeg has scaled already and left little
// to do, which is soft. Chroma takes Lanczos throughout: browsers blur it again
// when they enlarge it to the size of luma. What has Pillow's edges has its kernel, too.
var (
	catmullRom = kernel{2, func(x float64) float64 {
		switch x = math.Abs(x); {
		case x < 1:
			return (1.5*x-2.5)*x*x + 1
		case x < 2:
			return ((-0.5*x+2.5)*x-4)*x + 2
		}
		return 0
	}}
	lanczos = kernel{3, func(x float64) float64 {
		if x = math.Abs(x) * math.Pi; x < 1e-9 || x >= 3*math.Pi {
			return max(0, 1-x)
		}
		return 3 * math.Sin(x) * math.Sin(x/3) / (x * x)
	}}
)

// kernelFor returns the kernel to scale plane i of p with, scale samples to one.
func (p *picture) kernelFor(i int, scale float64) kernel {
	if !p.edgesWhole && (i > 0 || p.scaledByDecoder && scale < 2) {
		return lanczos
	}
	return catmullRom
}

// newWeights makes the weights for a line of n samples out of m, each as wide as
// scale of the old ones: the kernel is stretched by that, so that it filters out
// what the shorter line can't hold. Only extent of the n samples are picture; one
// that is partly padding is made of what the part that is picture spans, and one that
// is all padding repeats the last. Of the m only cover are picture, and weigh as much.
func newWeights(n, m int, extent, cover, scale float64, k kernel) weights {
	taps := min(m, int(math.Ceil(2*k.radius*max(scale, 1)))+1)
	w := weights{taps: taps, start: make([]int, n), coef: make([]uint64, n*taps)}
	exact := make([]float64, taps)
	for i := range n {
		left := min(float64(i), math.Ceil(extent)-1)
		right := min(left+1, extent)
		centre, stretch := (left+right)/2*scale, max((right-left)*scale, 1)
		start := min(max(int(math.Ceil(centre-k.radius*stretch-0.5)), 0), m-taps)
		sum := 0.0
		for t := range exact {
			covered := covers(start+t, cover)
			exact[t] = k.at((float64(start+t)+covered/2-centre)/stretch) * covered
			sum += exact[t]
		}
		w.start[i] = start
		quantise(w.coef[i*taps:][:taps], exact, sum)
	}
	return w
}

// covers is how much of sample i is picture where cover samples are; 0: all are.
func covers(i int, cover float64) float64 {
	if cover == 0 {
		return 1
	}
	return min(1, max(0, cover-float64(i)))
}

// quantise rounds the exact weights so that their sum is weightOne: what one
// loses by rounding, the next gains.
func quantise(coef []uint64, exact []float64, sum float64) {
	so, before := 0.0, int64(0)
	for k, e := range exact {
		so += e
		upTo := int64(math.Round(so / sum * weightOne))
		coef[k] = uint64(upTo - before)
		before = upTo
	}
}
