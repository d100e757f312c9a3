package render

import "math"

// plane is one component of a picture: 8-bit samples in rows.
type plane struct {
	pix    []byte
	stride int
	w, h   int // samples that mean something; rows may be longer
	// How many of them are picture, where the last are so only partly; 0: all.
	coverX, coverY float64
}

// picture is an image in the form that JPEG keeps it in: luma, or luma and two
// chroma planes of a resolution of their own.
type picture struct {
	// w and h are the extent in luma samples. After a decode at a fraction of the
	// size they need not be whole: 4057 pixels at 1/8 are 507.125 samples wide, of
	// which the last is mostly padding. Scaling by the true extent keeps the
	// picture from shifting.
	w, h   float64
	subX   float64 // luma samples in a chroma sample, across
	subY   float64 // and down
	planes []plane // one or three

	scaledByDecoder bool // it was decoded at half the size or less
	edgesWhole      bool // samples that are only partly picture weigh as if all were, as with Pillow
}

// sub returns how many luma samples a sample of plane i spans.
func (p *picture) sub(i int) (x, y float64) {
	if i == 0 {
		return 1, 1
	}
	return p.subX, p.subY
}

// newPlane allocates a plane whose rows are padded to stride.
func newPlane(w, h int) plane {
	return plane{pix: make([]byte, w*h), stride: w, w: w, h: h}
}

// newPicture allocates a picture of the given size as it is going to be encoded, with
// chroma of half the resolution.
func newPicture(s size, components int) *picture {
	p := &picture{w: float64(s.w), h: float64(s.h), subX: 2, subY: 2}
	if components == 1 {
		p.planes = []plane{newPlane(s.w, s.h)}
		return p
	}
	w, h := (s.w+1)/2, (s.h+1)/2
	p.planes = []plane{newPlane(s.w, s.h), newPlane(w, h), newPlane(w, h)}
	return p
}

// encodable says whether p can be encoded as a picture of size s as it is.
func (p *picture) encodable(s size) bool {
	return p.w == float64(s.w) && p.h == float64(s.h) && (len(p.planes) == 1 || p.subX == 2 && p.subY == 2)
}

// scaleFrom returns the picture of size s: from last, the next larger picture,
// where that is at least twice as wide, else from the decoded one.
func scaleFrom(last, decoded *picture, s size) *picture {
	if last.encodable(s) {
		return last
	}
	from := decoded
	if last.w >= 2*float64(s.w) {
		from = last
	}
	if from.encodable(s) {
		return from
	}
	to := newPicture(s, len(from.planes))
	for i := range to.planes {
		fromX, fromY := from.sub(i)
		toX, toY := to.sub(i)
		extentX, extentY := to.w/toX, to.h/toY
		scaleX, scaleY := from.w/fromX/extentX, from.h/fromY/extentY
		src := from.planes[i]
		if !from.edgesWhole {
			src.coverX, src.coverY = from.w/fromX, from.h/fromY
		}
		scalePlane(&to.planes[i], &src, extentX, extentY, scaleX, scaleY, from.kernelFor(i, scaleX))
	}
	return to
}

// samples is how many samples a plane has for n luma samples, sub of which make
// one.
func samples(n, sub float64) int { return int(math.Ceil(n / sub)) }
