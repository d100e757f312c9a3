package render

import "image/color"

// slack is what every rendering takes beside its pixels: decoder tables, row
// buffers, weights, and what the collector has not come to yet.
const slack = 4 << 20

// estimate prices the whole rendering, above rather than below what it takes.
func (p *Plan) estimate() int64 {
	n := int64(slack)
	if p.Format == "jpeg" {
		n += p.jpegMemory()
	} else {
		n += p.rasterMemory()
	}
	var pixels, largest int64
	for _, s := range p.sizes {
		area := int64(s.w+16) * int64(s.h+16)
		pixels, largest = pixels+area, max(largest, area)
	}
	// Each picture's planes and its JPEG stay; the planes of what is averaged on
	// the way are no larger. The encoder keeps all coefficients of one picture in
	// 16 bits, and its output buffer grows by doubling.
	return n + pixels*4 + largest*5
}

// rasterMemory prices decoding anything but JPEG, making it safe to scale, and scaling
// it: across first, then down.
func (p *Plan) rasterMemory() int64 {
	pixels := int64(p.Width) * int64(p.Height)
	decoded := pixels * bytesPerPixel(p.header.model)
	across := int64(p.largest().w) * int64(p.Height) * 4
	n := decoded + pixels*bytesPerSafe(p.header.model) + across
	switch p.Format {
	case "png":
		return n + decoded // interlaced: each pass is an image of its own
	case "gif":
		return pixels*4 + across // drawn row by row
	case "bmp":
		return pixels*5 + across // the same; run lengths are undone before
	case "tiff":
		// The file is copied into a buffer that doubles. A packed strip or tile may
		// decode to eight bytes a pixel whatever the header says, into another.
		return n + 3*int64(len(p.original)) + p.header.block*8*3
	case "webp":
		return n + p.losslessMemory(pixels)
	}
	return n
}

// losslessMemory prices the lossless part of a WebP beside its pixels: a copy for
// each of two transforms, and the Huffman trees, one group of five for as little
// as sixteen pixels. How much a group takes depends on the symbols that the file
// spells out for it: at most about 256 bytes for each of the file's.
func (p *Plan) losslessMemory(pixels int64) int64 {
	const emptyGroup, maxGroups, spelledOut = 2700, 1 << 15, 256
	if p.header.lossless == 0 {
		return 0
	}
	groups := min(pixels/16+1, maxGroups)
	return pixels*8 + groups*emptyGroup + p.header.lossless*spelledOut
}

// bytesPerPixel is what an image of a colour model takes in memory.
func bytesPerPixel(model color.Model) int64 {
	switch model {
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	case color.NYCbCrAModel:
		return 5
	case color.Gray16Model:
		return 2
	case color.GrayModel:
		return 1
	}
	if _, paletted := model.(color.Palette); paletted {
		return 1
	}
	return 4
}

// bytesPerSafe is what the copy takes that is safe to scale, where there has to be one.
func bytesPerSafe(model color.Model) int64 {
	if _, paletted := model.(color.Palette); paletted {
		return 4
	}
	switch model {
	case color.RGBA64Model, color.NRGBA64Model, color.Gray16Model:
		return 5 // and what the collector has not come to yet of the larger one
	}
	return 0
}
