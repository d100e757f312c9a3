package render

import (
	"fmt"
	"image"
	"image/color"
)

// fromImage turns a decoded image into planes. Where it is going to be scaled to
// less than half, it is averaged down while it is converted, so that the planes
// are never as large as the image.
func fromImage(m image.Image, largest size) (*picture, error) {
	switch m := m.(type) {
	case *image.Gray:
		return fromGray(m), nil
	case *image.YCbCr:
		return fromYCbCr(m)
	case *image.NYCbCrA: // alpha is dropped
		return fromYCbCr(&m.YCbCr)
	}
	b := m.Bounds()
	if b.Empty() {
		return nil, errCutOff
	}
	fx, fy := max(1, b.Dx()/largest.w/2), max(1, b.Dy()/largest.h/2)
	components := 3
	if _, grey := m.(*image.Gray16); grey {
		components = 1
	}
	w, h := (b.Dx()+fx-1)/fx, (b.Dy()+fy-1)/fy
	p := &picture{w: float64(b.Dx()) / float64(fx), h: float64(b.Dy()) / float64(fy), subX: 1, subY: 1}
	for range components {
		p.planes = append(p.planes, newPlane(w, h))
	}
	readRow := rowsOf(m)
	row := make([]byte, components*b.Dx())
	sums := make([]uint32, len(row))
	for y := range h {
		clear(sums)
		n := min(fy, b.Dy()-y*fy)
		for r := range n {
			readRow(row, b.Min.Y+y*fy+r)
			for i, v := range row {
				sums[i] += uint32(v)
			}
		}
		p.convertRow(y, sums, fx, n)
	}
	return p, nil
}

// convertRow averages the sums of n rows over fx pixels each, and writes them to
// row y as luma and chroma.
func (p *picture) convertRow(y int, sums []uint32, fx, n int) {
	components := len(p.planes)
	for x := range p.planes[0].w {
		part := sums[x*fx*components : min((x+1)*fx*components, len(sums))]
		count := uint32(len(part) / components * n)
		var c [3]uint32
		for i := 0; i < len(part); i += components {
			for k := range components {
				c[k] += part[i+k]
			}
		}
		for k := range components {
			c[k] = (c[k] + count/2) / count
		}
		if components == 3 {
			yy, cb, cr := color.RGBToYCbCr(uint8(c[0]), uint8(c[1]), uint8(c[2]))
			c = [3]uint32{uint32(yy), uint32(cb), uint32(cr)}
		}
		for k := range components {
			p.planes[k].pix[y*p.planes[k].stride+x] = byte(c[k])
		}
	}
}

// rowsOf returns a function that reads row y of an image as 8-bit samples: grey
// for Gray16, else RGB. Alpha is dropped, not blended: the colour of a transparent
// pixel counts.
func rowsOf(m image.Image) func(row []byte, y int) {
	b := m.Bounds()
	switch m := m.(type) {
	case *image.RGBA:
		return func(row []byte, y int) { pick(row, m.Pix[m.PixOffset(b.Min.X, y):], 4, 1) }
	case *image.NRGBA:
		return func(row []byte, y int) { pick(row, m.Pix[m.PixOffset(b.Min.X, y):], 4, 1) }
	case *image.RGBA64:
		return func(row []byte, y int) { pick(row, m.Pix[m.PixOffset(b.Min.X, y):], 8, 2) }
	case *image.NRGBA64:
		return func(row []byte, y int) { pick(row, m.Pix[m.PixOffset(b.Min.X, y):], 8, 2) }
	case *image.Gray16:
		return func(row []byte, y int) {
			pix := m.Pix[m.PixOffset(b.Min.X, y):]
			for x := range row {
				row[x] = pix[2*x]
			}
		}
	case *image.CMYK:
		return func(row []byte, y int) {
			pix := m.Pix[m.PixOffset(b.Min.X, y):]
			for x := 0; x < len(row); x, pix = x+3, pix[4:] {
				row[x], row[x+1], row[x+2] = color.CMYKToRGB(pix[0], pix[1], pix[2], pix[3])
			}
		}
	case *image.Paletted:
		var colours [256][3]byte
		for i, c := range m.Palette {
			colours[i] = opaque(c)
		}
		return func(row []byte, y int) {
			pix := m.Pix[m.PixOffset(b.Min.X, y):]
			for x := 0; x < len(row); x += 3 {
				copy(row[x:], colours[pix[x/3]][:])
			}
		}
	}
	return func(row []byte, y int) {
		for x := 0; x < len(row); x += 3 {
			c := opaque(m.At(b.Min.X+x/3, y))
			copy(row[x:], c[:])
		}
	}
}

// opaque returns a colour without its alpha.
func opaque(c color.Color) [3]byte {
	if n, ok := c.(color.NRGBA); ok {
		return [3]byte{n.R, n.G, n.B} // converting would lose them where alpha is low
	}
	n := color.NRGBA64Model.Convert(c).(color.NRGBA64)
	return [3]byte{byte(n.R >> 8), byte(n.G >> 8), byte(n.B >> 8)}
}

// pick copies the high bytes of the first three samples of each pixel.
func pick(row, pix []byte, pixel, sample int) {
	for x := 0; x < len(row); x += 3 {
		row[x], row[x+1], row[x+2] = pix[0], pix[sample], pix[2*sample]
		pix = pix[pixel:]
	}
}

// fromGray and fromYCbCr take the planes as they are, without copying.
func fromGray(m *image.Gray) *picture {
	b := m.Bounds()
	return &picture{w: float64(b.Dx()), h: float64(b.Dy()), planes: []plane{
		{pix: m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], stride: m.Stride, w: b.Dx(), h: b.Dy()},
	}}
}

func fromYCbCr(m *image.YCbCr) (*picture, error) {
	sub, ok := map[image.YCbCrSubsampleRatio][2]float64{
		image.YCbCrSubsampleRatio444: {1, 1}, image.YCbCrSubsampleRatio422: {2, 1}, image.YCbCrSubsampleRatio420: {2, 2},
		image.YCbCrSubsampleRatio440: {1, 2}, image.YCbCrSubsampleRatio411: {4, 1}, image.YCbCrSubsampleRatio410: {4, 2},
	}[m.SubsampleRatio]
	if !ok {
		return nil, fmt.Errorf("chroma %v is not supported", m.SubsampleRatio)
	}
	b := m.Bounds()
	p := &picture{w: float64(b.Dx()), h: float64(b.Dy()), subX: sub[0], subY: sub[1]}
	cw, ch := samples(p.w, p.subX), samples(p.h, p.subY)
	at := m.COffset(b.Min.X, b.Min.Y)
	p.planes = []plane{
		{pix: m.Y[m.YOffset(b.Min.X, b.Min.Y):], stride: m.YStride, w: b.Dx(), h: b.Dy()},
		{pix: m.Cb[at:], stride: m.CStride, w: cw, h: ch},
		{pix: m.Cr[at:], stride: m.CStride, w: cw, h: ch},
	}
	return p, nil
}
