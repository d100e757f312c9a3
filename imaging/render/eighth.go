package render

import "errors"

// decodeEighth decodes a JPEG at an eighth of its size, from which most thumbnails
// are scaled. There a block of 8×8 samples is one, its mean, which the block's first
// coefficient says. The others need no decoding: they are skipped, often several at
// a look into a table (skips). That takes half of what libjpeg-turbo takes, and the
// samples are the same to the bit.
//
// It is for what cameras write: baseline JPEG in one scan, grey or YCbCr, without
// restarts, whole and without a fault. Of anything else it says errNotPlain: the
// engine decodes that, and judges what is broken.
func (p *Plan) decodeEighth() (*picture, error) {
	components, data, err := readPlain(p.original[2:], p.Width, p.Height)
	if err != nil {
		return nil, err
	}
	luma := components[0]
	mcusX, mcusY := (p.Width+8*luma.across-1)/(8*luma.across), (p.Height+8*luma.down-1)/(8*luma.down)
	for i := range components {
		c := &components[i]
		c.plane = newPlane(mcusX*c.across, mcusY*c.down)
	}
	bits := bitReader{data: data}
	for y := range mcusY {
		for x := range mcusX {
			for i := range components {
				if !components[i].decode(&bits, x, y) {
					return nil, errNotPlain
				}
			}
		}
	}
	if !bits.atEnd() {
		return nil, errNotPlain
	}
	pic := &picture{w: float64(p.Width) / 8, h: float64(p.Height) / 8, subX: float64(luma.across), subY: float64(luma.down), scaledByDecoder: true}
	for i, c := range components {
		subX, subY := pic.sub(i)
		c.plane.w, c.plane.h = samples(float64(scaled(p.Width, 1)), subX), samples(float64(scaled(p.Height, 1)), subY)
		pic.planes = append(pic.planes, c.plane)
	}
	return pic, nil
}

var errNotPlain = errors.New("not a plain baseline JPEG")

// plainComponent is a component of a plain JPEG, and how far it is decoded.
type plainComponent struct {
	across, down int   // its blocks in an MCU
	quant        int32 // of the first coefficient
	first        *codes
	others       *skips
	last         int32 // first coefficient of the block before
	plane        plane
}

// decode decodes the blocks of one MCU; false: that is left to the engine.
func (c *plainComponent) decode(bits *bitReader, x, y int) bool {
	for v := range c.down {
		row := c.plane.pix[(y*c.down+v)*c.plane.stride+x*c.across:][:c.across]
		for h := range row {
			difference, ok := bits.difference(c.first)
			if !ok || !bits.skipBlock(c.others) {
				return false
			}
			c.last += difference
			mean := (c.last*c.quant + 4) >> 3
			if mean < -512 || mean > 511 { // no samples have it
				return false
			}
			row[h] = byte(max(0, min(mean+128, 255)))
		}
	}
	return true
}
