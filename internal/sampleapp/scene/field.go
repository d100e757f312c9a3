package scene

import "image"

// shrink is how many of the photo's pixels one of the field's spans, each way.
const shrink = 4

// field is the photo without insects, small: what light and cloth look like.
type field struct {
	width, height int
	pix           []colour
	light         []float32 // how much light falls there, 1 at the brightest
}

func newField(width, height int) *field {
	return &field{width: width, height: height, pix: make([]colour, width*height), light: make([]float32, width*height)}
}

// enlarge scales the field up to the canvas, and lays a texture over it: a square
// of factors around 1, in 1/1024.
func (f *field) enlarge(canvas *image.RGBA, texture *texture) {
	bounds := canvas.Bounds()
	row := make([]colour, f.width)
	for y := range bounds.Dy() {
		upper := f.pix[y/shrink*f.width:]
		lower := f.pix[(y/shrink+1)*f.width:]
		t := float32(y%shrink) / shrink
		for x := range row {
			row[x] = upper[x].mix(lower[x], t)
		}
		out := canvas.Pix[y*canvas.Stride : y*canvas.Stride+bounds.Dx()*4]
		grain := texture[y%textureSize][:]
		for x := 0; x*4 < len(out); x++ {
			left, right := &row[x/shrink], &row[x/shrink+1]
			t := float32(x%shrink) / shrink
			g := grain[x%textureSize]
			p := out[x*4 : x*4+4 : x*4+4]
			p[0] = level((left[0] + (right[0]-left[0])*t) * g)
			p[1] = level((left[1] + (right[1]-left[1])*t) * g)
			p[2] = level((left[2] + (right[2]-left[2])*t) * g)
			p[3] = 255
		}
	}
}

func level(v float32) uint8 {
	return uint8(max(0, min(255, int32(v+0.5))))
}

// textureSize is a texture's side; it repeats, too fine to be seen doing so.
const textureSize = 256

type texture [textureSize][textureSize]float32

// weave is cloth: threads over and under each other.
func weave(pitch, depth float32) *texture {
	t := new(texture)
	for y := range t {
		for x := range t[y] {
			u, v := float32(x)*6.2831853/pitch, float32(y)*6.2831853/pitch
			thread := sin(u)*sin(v)*0.6 + sin(u*2)*0.2 + sin(v*2)*0.2
			rough := float32(hash(int32(x), int32(y), 5)>>24)/255 - 0.5
			t[y][x] = 1 + depth*(thread+rough*0.8)
		}
	}
	return t
}

// felt is a matt board's surface: short fibres.
func felt(depth float32) *texture {
	t := new(texture)
	for y := range t {
		for x := range t[y] {
			long := noise(float32(x)/5, float32(y)/2, 9) - 0.5
			rough := float32(hash(int32(x), int32(y), 6)>>24)/255 - 0.5
			t[y][x] = 1 + depth*(long+rough*0.6)
		}
	}
	return t
}
