package scene

import (
	"image"
	"math"
	"math/rand/v2"
)

// noiseTable is a run of a sensor's noise, read from a random place for each row.
const noiseTable = 1 << 13

// expose makes the photo of what is on the canvas: the colour model of JPEG, with
// the sensor's noise, which is stronger in the dark.
func expose(canvas *image.RGBA, rng *rand.Rand) *image.YCbCr {
	var table [noiseTable + 8192]int32
	for i := range table {
		table[i] = int32(rng.NormFloat64() * 256)
	}
	var strength [256]int32 // of the noise, by brightness, in 1/64
	for y := range strength {
		strength[y] = int32(64 * (1.1 + 2.2*math.Exp(-float64(y)/70)))
	}
	width, height := canvas.Bounds().Dx(), canvas.Bounds().Dy()
	photo := image.NewYCbCr(canvas.Bounds(), image.YCbCrSubsampleRatio420)
	for y := range height {
		at := rng.IntN(noiseTable)
		row := canvas.Pix[y*canvas.Stride : y*canvas.Stride+width*4]
		out := photo.Y[y*photo.YStride : y*photo.YStride+width]
		for x := range out {
			p := row[x*4 : x*4+3 : x*4+3]
			luma := (19595*int32(p[0]) + 38470*int32(p[1]) + 7471*int32(p[2]) + 1<<15) >> 16
			luma += (table[at+x&(noiseTable-1)]*strength[luma] + 1<<13) >> 14
			out[x] = uint8(max(0, min(255, luma)))
		}
	}
	for y := range (height + 1) / 2 {
		at := rng.IntN(noiseTable)
		row := canvas.Pix[2*y*canvas.Stride:]
		for x := range (width + 1) / 2 {
			p := row[x*8 : x*8+3 : x*8+3]
			r, g, b := int32(p[0]), int32(p[1]), int32(p[2])
			i := y*photo.CStride + x
			n := table[at+x&(noiseTable-1)] >> 8
			photo.Cb[i] = uint8(max(0, min(255, (-11056*r-21712*g+32768*b+128<<16)>>16+n)))
			photo.Cr[i] = uint8(max(0, min(255, (32768*r-27440*g-5328*b+128<<16)>>16-n)))
		}
	}
	return photo
}
