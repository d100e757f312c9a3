package render

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"

	"github.com/disintegration/imaging"
)

// What is no JPEG is scaled by disintegration/imaging. It works in goroutines of its
// own, in which a panic ends the process, and no setting says in how many. So it only
// ever gets images that safe has made sure of, and works on one at a time.

// raster is a decoded original that is no JPEG, or a picture made of it.
type raster struct {
	image.Image // of one of the types that safe returns
	grey        bool
	orientation int // to be applied to the pictures: 1 to 4, as in a TIFF
}

// decodeRaster decodes an original, and makes it safe to scale.
func (p *Plan) decodeRaster(ctx context.Context) (*raster, error) {
	for _, c := range codecs() {
		if c.format != p.Format {
			continue
		}
		m, err := c.decode(ctx, p.original, &p.header)
		if err != nil {
			return nil, err
		}
		if m.Bounds().Dx() != p.Width || m.Bounds().Dy() != p.Height {
			return nil, fmt.Errorf("it decodes to %v", m.Bounds())
		}
		m, err = safe(m)
		_, grey := m.(*image.Gray)
		return &raster{m, grey, p.header.orientation}, err
	}
	return nil, errNotAnImage
}

var errUnsafe = errors.New("the decoder made an image that is not what it says")

// safe returns an image's colours as an NRGBA, Gray or YCbCr that begins at 0,0 and
// whose samples are all there. Alpha is dropped, not blended: the colour of a
// transparent pixel counts. The image's memory is used where that is possible.
func safe(m image.Image) (image.Image, error) {
	r := image.Rectangle{Max: m.Bounds().Size()}
	if r.Empty() || r.Dx() > maxSide || r.Dy() > maxSide {
		return nil, errUnsafe
	}
	switch m := m.(type) {
	case *image.Gray:
		return &image.Gray{Pix: m.Pix, Stride: m.Stride, Rect: r}, complete(m.Pix, m.Stride, r.Dx(), r.Dy())
	case *image.NRGBA:
		return opaque(m.Pix, m.Stride, r)
	case *image.RGBA: // of no decoder here with alpha: there is none that its colours depend on
		return opaque(m.Pix, m.Stride, r)
	case *image.YCbCr:
		return safeYCbCr(m, r)
	case *image.NYCbCrA:
		return safeYCbCr(&m.YCbCr, r)
	case *image.NRGBA64:
		return highBytes(m.Pix, m.Stride, r)
	case *image.RGBA64:
		return highBytes(m.Pix, m.Stride, r)
	case *image.Gray16:
		if err := complete(m.Pix, m.Stride, 2*r.Dx(), r.Dy()); err != nil {
			return nil, err
		}
		to := image.NewGray(r)
		for y := range r.Dy() {
			for x := range r.Dx() {
				to.Pix[y*to.Stride+x] = m.Pix[y*m.Stride+2*x]
			}
		}
		return to, nil
	case *image.Paletted:
		return expanded(m, r)
	}
	return nil, fmt.Errorf("%w: %T", errUnsafe, m)
}

// complete says whether rows of so many bytes are all there.
func complete(pix []byte, stride, width, height int) error {
	if stride < width || len(pix) < stride*(height-1)+width {
		return errUnsafe
	}
	return nil
}

// opaque makes pixels of four bytes opaque, in their place.
func opaque(pix []byte, stride int, r image.Rectangle) (*image.NRGBA, error) {
	if err := complete(pix, stride, 4*r.Dx(), r.Dy()); err != nil {
		return nil, err
	}
	for y := range r.Dy() {
		row := pix[y*stride:][:4*r.Dx()]
		for x := 3; x < len(row); x += 4 {
			row[x] = 255
		}
	}
	return &image.NRGBA{Pix: pix, Stride: stride, Rect: r}, nil
}

// highBytes makes pixels of four times 16 bits ones of 8.
func highBytes(pix []byte, stride int, r image.Rectangle) (*image.NRGBA, error) {
	if err := complete(pix, stride, 8*r.Dx(), r.Dy()); err != nil {
		return nil, err
	}
	to := image.NewNRGBA(r)
	for y := range r.Dy() {
		from, row := pix[y*stride:][:8*r.Dx()], to.Pix[y*to.Stride:][:4*r.Dx()]
		for i := range row {
			row[i] = from[2*i]
		}
	}
	return opaque(to.Pix, to.Stride, r)
}

// expanded looks a palette's colours up. An index that has none is black.
func expanded(m *image.Paletted, r image.Rectangle) (*image.NRGBA, error) {
	if err := complete(m.Pix, m.Stride, r.Dx(), r.Dy()); err != nil {
		return nil, err
	}
	var colours [256]color.NRGBA
	for i := range min(len(m.Palette), len(colours)) {
		if n, ok := m.Palette[i].(color.NRGBA); ok {
			colours[i] = n // converting would lose the colour where alpha is low
			continue
		}
		n := color.NRGBA64Model.Convert(m.Palette[i]).(color.NRGBA64)
		colours[i] = color.NRGBA{byte(n.R >> 8), byte(n.G >> 8), byte(n.B >> 8), 255}
	}
	to := image.NewNRGBA(r)
	for y := range r.Dy() {
		row := to.Pix[y*to.Stride:]
		for x, index := range m.Pix[y*m.Stride:][:r.Dx()] {
			c := colours[index]
			row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = c.R, c.G, c.B, 255
		}
	}
	return to, nil
}

// safeYCbCr checks planes whose chroma is of one of the resolutions that are looked up
// without computing an offset.
func safeYCbCr(m *image.YCbCr, r image.Rectangle) (*image.YCbCr, error) {
	w, h := r.Dx(), r.Dy()
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio444:
	case image.YCbCrSubsampleRatio422:
		w = (w + 1) / 2
	case image.YCbCrSubsampleRatio420:
		w, h = (w+1)/2, (h+1)/2
	case image.YCbCrSubsampleRatio440:
		h = (h + 1) / 2
	default:
		return nil, errUnsafe
	}
	if m.Rect.Min != (image.Point{}) {
		return nil, errUnsafe
	}
	return m, errors.Join(complete(m.Y, m.YStride, r.Dx(), r.Dy()), complete(m.Cb, m.CStride, w, h), complete(m.Cr, m.CStride, w, h))
}

// resizing is the turn to scale with disintegration/imaging, of which the process has
// one: however many renders there are, they take no more goroutines than one of them.
var resizing = make(chan struct{}, 1)

// resized returns the raster at another size, opaque as it is.
func (m *raster) resized(ctx context.Context, s size) (*raster, error) {
	select {
	case resizing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-resizing }()
	return &raster{imaging.Resize(m.Image, s.w, s.h, imaging.CatmullRom), m.grey, m.orientation}, nil
}

// upright returns a raster's pixels, turned by its orientation.
func (m *raster) upright() *image.NRGBA {
	switch m.orientation {
	case 2:
		return imaging.FlipH(m.Image)
	case 3:
		return imaging.Rotate180(m.Image)
	case 4:
		return imaging.FlipV(m.Image)
	}
	return m.Image.(*image.NRGBA)
}

// greyPlane is the plane of grey pixels.
func greyPlane(m *image.NRGBA) *picture {
	pl := newPlane(m.Rect.Dx(), m.Rect.Dy())
	for i := range pl.pix {
		pl.pix[i] = m.Pix[i/pl.w*m.Stride+i%pl.w*4]
	}
	return &picture{w: float64(pl.w), h: float64(pl.h), subX: 1, subY: 1, planes: []plane{pl}}
}
