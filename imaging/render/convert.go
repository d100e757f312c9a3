package render

import (
	"fmt"
	"image"
	"image/color"
)

// fromImage turns a JPEG that was decoded to an image into planes. Where it is going to be scaled to
// less than half, it is averaged down while it is converted, so that the planes
// are never as large as the image.
func fromImage(m image.Image, largest size) (*picture, error) {
	switch m := m.(type) {
	case *image.Gray:
		return fromGray(m), nil
	case *image.YCbCr:
		return fromYCbCr(m)
	}
	b := m.Bounds()
	if b.Empty() {
		return nil, errCutOff
	}
	fx, fy := max(1, b.Dx()/largest.w/2), max(1, b.Dy()/largest.h/2)
	w, h := (b.Dx()+fx-1)/fx, (b.Dy()+fy-1)/fy
	p := &picture{w: float64(b.Dx()) / float64(fx), h: float64(b.Dy()) / float64(fy), subX: 1, subY: 1}
	for range 3 {
		p.planes = append(p.planes, newPlane(w, h))
	}
	readRow, err := rowsOf(m)
	if err != nil {
		return nil, err
	}
	row := make([]byte, 3*b.Dx())
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
	for x := range p.planes[0].w {
		part := sums[3*x*fx : min(3*(x+1)*fx, len(sums))]
		count := uint32(len(part) / 3 * n)
		var c [3]uint32
		for i := 0; i < len(part); i += 3 {
			c[0] += part[i]
			c[1] += part[i+1]
			c[2] += part[i+2]
		}
		for k := range c {
			c[k] = (c[k] + count/2) / count
		}
		luma, cb, cr := color.RGBToYCbCr(uint8(c[0]), uint8(c[1]), uint8(c[2]))
		p.planes[0].pix[y*p.planes[0].stride+x] = luma
		p.planes[1].pix[y*p.planes[1].stride+x] = cb
		p.planes[2].pix[y*p.planes[2].stride+x] = cr
	}
}

// rowsOf returns a function that reads row y of an image as RGB.
func rowsOf(m image.Image) (func(row []byte, y int), error) {
	b := m.Bounds()
	switch m := m.(type) {
	case *image.RGBA:
		return func(row []byte, y int) {
			pix := m.Pix[m.PixOffset(b.Min.X, y):]
			for x := 0; x < len(row); x, pix = x+3, pix[4:] {
				row[x], row[x+1], row[x+2] = pix[0], pix[1], pix[2]
			}
		}, nil
	case *image.CMYK:
		return func(row []byte, y int) {
			pix := m.Pix[m.PixOffset(b.Min.X, y):]
			for x := 0; x < len(row); x, pix = x+3, pix[4:] {
				row[x], row[x+1], row[x+2] = color.CMYKToRGB(pix[0], pix[1], pix[2], pix[3])
			}
		}, nil
	}
	return nil, fmt.Errorf("decoding a JPEG gave %T", m)
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
