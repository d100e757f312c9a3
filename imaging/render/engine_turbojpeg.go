//go:build turbojpeg

package render

import (
	"context"
	"fmt"
	"image"
	"time"

	"github.com/thumbedge/thumbedge/imaging/render/libjpeg"
)

const engineName = "turbojpeg"

const (
	// maxScans is how many scans a JPEG may have. Progressive encoders write about
	// ten; every one costs a pass over the whole picture, however few bytes it has.
	maxScans = 100
	// maxDecodeTime is the CPU time that decoding a JPEG may take. One of 100
	// megapixels in ten scans takes less than half of it.
	maxDecodeTime = 4 * time.Second
)

// jpegHeader is what is known of a JPEG before it is decoded.
type jpegHeader struct {
	libjpeg.Header
	// planes: it can be decoded to the planes that it is coded in. What is not grey, nor
	// luma with chroma of one resolution, no larger than luma's, is decoded to pixels.
	planes     bool
	subX, subY int // luma samples in a sample of chroma
}

// readJPEGHeader has libjpeg read what comes before the samples.
func readJPEGHeader(original []byte) (h jpegHeader, err error) {
	d, err := libjpeg.NewDecoder(original)
	if err != nil {
		return h, err
	}
	defer d.Close()
	if h.Header, err = d.Header(); err != nil {
		return h, err
	}
	switch n := len(h.Components); {
	case n != 1 && n != 3 && n != 4: // as with Pillow
		return h, fmt.Errorf("%d components are not supported", n)
	case h.Space == libjpeg.Grey:
		h.planes, h.subX, h.subY = true, 1, 1
	case h.Space == libjpeg.YCbCr:
		luma, cb, cr := h.Components[0], h.Components[1], h.Components[2]
		h.planes = cb == cr && luma.Across%cb.Across == 0 && luma.Down%cb.Down == 0
		h.subX, h.subY = luma.Across/cb.Across, luma.Down/cb.Down
	}
	return h, nil
}

func (h *jpegHeader) size() (width, height int) { return h.Width, h.Height }

// toPlanes says whether the JPEG is decoded to the planes that it is coded in.
func (p *Plan) toPlanes() bool { return p.header.jpeg.planes && !p.largest().thin() }

// jpegEighths is the scale, in eighths, at which a JPEG is decoded. For pixels it is
// one that halves: libjpeg has others, but not at every sampling.
func (p *Plan) jpegEighths() int {
	m := p.eighths
	for !p.toPlanes() && m&(m-1) != 0 {
		m++
	}
	return m
}

// decodeJPEG decodes at the smallest scale that will do. One that turns out to be
// damaged is decoded again as Pillow does it: where its samples are beyond black and
// white, the scale decides on what they come to.
func (p *Plan) decodeJPEG(context.Context) (*picture, error) {
	pic, damaged, used, err := p.decodeAt(p.jpegEighths(), p.toPlanes(), 0)
	again := draftFor(p.Width, p.Height, p.largest())
	if err != nil || !damaged || again <= p.jpegEighths() || p.pixelMemory(again) > p.Memory/2 {
		return pic, err
	}
	if closer, _, _, err := p.decodeAt(again, false, used); err == nil {
		return closer, nil
	}
	return pic, nil // that took too long
}

// decodeAt decodes at a scale, to planes or pixels, in what is left of the CPU time.
func (p *Plan) decodeAt(eighths int, planes bool, used time.Duration) (pic *picture, damaged bool, cpu time.Duration, err error) {
	d, err := libjpeg.NewDecoder(p.original)
	if err != nil {
		return nil, false, 0, err
	}
	defer d.Close()
	if _, err := d.Header(); err != nil {
		return nil, false, 0, err
	}
	limits := libjpeg.Limits{Scans: maxScans, CPU: maxDecodeTime - used, Memory: p.coefficients() + int64(p.Width)*256 + slack}
	if err := d.Start(eighths, planes, limits); err != nil {
		return nil, false, 0, err
	}
	if planes {
		pic, err = p.decodePlanes(d, eighths)
	} else {
		pic, err = p.decodePixels(d, eighths)
	}
	return pic, d.Damaged(), d.CPU(), err
}

// decodePlanes decodes to luma and chroma as they are coded.
func (p *Plan) decodePlanes(d *libjpeg.Decoder, m int) (*picture, error) {
	h := &p.header.jpeg
	pic := &picture{
		w: float64(p.Width*m) / 8, h: float64(p.Height*m) / 8,
		subX: float64(h.subX), subY: float64(h.subY), scaledByDecoder: m <= 4,
	}
	var planes []libjpeg.Plane
	for i := range h.Components {
		across, down := h.blocks(i)
		pl := newPlane(across*m, down*m)
		planes = append(planes, libjpeg.Plane{Samples: pl.pix, Stride: pl.stride, Width: pl.w, Height: pl.h})
		subX, subY := pic.sub(i)
		pl.w, pl.h = samples(float64(scaled(p.Width, m)), subX), samples(float64(scaled(p.Height, m)), subY)
		pic.planes = append(pic.planes, pl)
	}
	if err := d.Planes(planes); err != nil {
		return nil, err
	}
	return pic, nil
}

// decodePixels decodes to pixels, and converts them.
func (p *Plan) decodePixels(d *libjpeg.Decoder, m int) (*picture, error) {
	bounds := image.Rect(0, 0, scaled(p.Width, m), scaled(p.Height, m))
	pixels := make([]byte, 4*bounds.Dx()*bounds.Dy())
	if err := d.Pixels(pixels, 4*bounds.Dx()); err != nil {
		return nil, err
	}
	var decoded image.Image = &image.RGBA{Pix: pixels, Stride: 4 * bounds.Dx(), Rect: bounds}
	if len(p.header.jpeg.Components) == 4 {
		for i := range pixels {
			pixels[i] = 255 - pixels[i] // stored inverted, as Adobe does and Pillow assumes
		}
		decoded = &image.CMYK{Pix: pixels, Stride: 4 * bounds.Dx(), Rect: bounds}
	}
	pic, err := fromImage(decoded, p.largest())
	if err != nil {
		return nil, err
	}
	pic.w *= float64(p.Width*m) / float64(8*bounds.Dx())
	pic.h *= float64(p.Height*m) / float64(8*bounds.Dy())
	pic.edgesWhole = true
	return pic, nil
}

// encodeJPEG writes a progressive JPEG, whose Huffman tables are its own.
func encodeJPEG(p *picture, s size, quality int) ([]byte, error) {
	var planes []libjpeg.Plane
	for i, pl := range p.planes {
		w, h := s.w, s.h
		if i > 0 {
			w, h = (w+1)/2, (h+1)/2
		}
		planes = append(planes, libjpeg.Plane{Samples: pl.pix, Stride: pl.stride, Width: w, Height: h})
	}
	return libjpeg.EncodePlanes(planes, quality)
}

// encodePixels writes one of opaque pixels.
func encodePixels(m *image.NRGBA, quality int) ([]byte, error) {
	return libjpeg.EncodePixels(m.Pix, m.Stride, m.Rect.Dx(), m.Rect.Dy(), quality)
}

// blocks is how many 8×8 blocks a component has.
func (h *jpegHeader) blocks(i int) (across, down int) {
	maxAcross, maxDown := h.maxSampling()
	c := h.Components[i]
	return (h.Width*c.Across + 8*maxAcross - 1) / (8 * maxAcross), (h.Height*c.Down + 8*maxDown - 1) / (8 * maxDown)
}

func (h *jpegHeader) maxSampling() (across, down int) {
	for _, c := range h.Components {
		across, down = max(across, c.Across), max(down, c.Down)
	}
	return across, down
}

// coefficients is what the coefficients take that are kept of a JPEG in several scans:
// 16 bits each, every component padded to whole MCUs.
func (p *Plan) coefficients() (n int64) {
	h := &p.header.jpeg
	if !h.SeveralScans {
		return 0
	}
	maxAcross, maxDown := h.maxSampling()
	across, down := (h.Width+8*maxAcross-1)/(8*maxAcross), (h.Height+8*maxDown-1)/(8*maxDown)
	for _, c := range h.Components {
		n += int64(across*c.Across) * int64(down*c.Down)
	}
	return n * 128
}

// jpegMemory prices decoding a JPEG: the planes at the scale that they are decoded to,
// or pixels and the planes that they are converted to, a few rows at full width, and
// all coefficients where there are several scans.
func (p *Plan) jpegMemory() int64 {
	return p.pixelMemory(p.jpegEighths()) + int64(p.Width)*256 + p.coefficients()
}

// pixelMemory prices pixels, and the planes that they are converted to.
func (p *Plan) pixelMemory(eighths int) int64 {
	return int64(scaled(p.Width, eighths)+8) * int64(scaled(p.Height, eighths)+8) * 7
}
