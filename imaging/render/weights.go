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

// newWeights makes the weights for a line of n samples out of m, each as wide as
// scale of the old ones. The kernel is Catmull-Rom (what Pillow calls BICUBIC),
// stretched by the scale so that it filters out what the shorter line can't hold.
func newWeights(n, m int, scale float64) weights {
	stretch := max(scale, 1)
	taps := min(m, int(math.Ceil(4*stretch))+1)
	w := weights{taps: taps, start: make([]int, n), coef: make([]uint64, n*taps)}
	exact := make([]float64, taps)
	for i := range n {
		centre := (float64(i) + 0.5) * scale
		start := min(max(int(math.Ceil(centre-2*stretch-0.5)), 0), m-taps)
		sum := 0.0
		for k := range exact {
			exact[k] = catmullRom((float64(start+k) + 0.5 - centre) / stretch)
			sum += exact[k]
		}
		w.start[i] = start
		quantise(w.coef[i*taps:][:taps], exact, sum)
	}
	return w
}

// quantise rounds the exact weights so that their sum is weightOne: what one
// loses by rounding, the next gains.
func quantise(coef []uint64, exact []float64, sum float64) {
	if sum <= 0 {
		// A sample of padding, wholly outside: repeat the last one.
		coef[len(coef)-1] = weightOne
		return
	}
	so, before := 0.0, int64(0)
	for k, e := range exact {
		so += e
		upTo := int64(math.Round(so / sum * weightOne))
		coef[k] = uint64(upTo - before)
		before = upTo
	}
}

// catmullRom is the cubic convolution kernel with a = -0.5.
func catmullRom(x float64) float64 {
	switch x = math.Abs(x); {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}
