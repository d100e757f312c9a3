package render

import "image/color"

// estimate prices the whole rendering.
func (p *Plan) estimate() int64 {
	n := int64(1 << 20)
	if p.Format == "jpeg" {
		n += p.jpegMemory()
	} else {
		n += p.rasterMemory()
	}
	for _, s := range p.sizes {
		n += int64(s.w) * int64(s.h) * 6
	}
	return n
}

func (p *Plan) rasterMemory() int64 {
	pixels := int64(p.Width) * int64(p.Height)
	bytes := int64(8)
	switch p.header.model {
	case color.GrayModel:
		bytes = 1
	}
	return pixels * bytes * 2
}
