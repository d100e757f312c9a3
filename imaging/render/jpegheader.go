package render

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// maxScans is how many scans a JPEG may have. Progressive encoders write about
// ten; every one costs a pass over the whole picture, however few bytes it has.
const maxScans = 100

// jpegHeader is the structure of a JPEG file, found by walking over its markers
// to the end of the image. Nothing is decoded.
type jpegHeader struct {
	width, height int
	components    []component
	progressive   bool
	arithmetic    bool
	scans         int
	interleaved   bool // the first scan holds all components
	entropy       int  // bytes of coded samples
	ended         bool // the end-of-image marker is there
}

// component is a plane of a JPEG; h and v are its sampling factors.
type component struct{ id, h, v byte }

// Markers that the walk looks at.
const (
	markerSOF0 = 0xc0
	markerDHT  = 0xc4
	markerJPG  = 0xc8
	markerDAC  = 0xcc
	markerRST0 = 0xd0
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
)

var errCutOff = errors.New("cut off")

// readJPEGHeader walks over a JPEG. It refuses what no decoder here could do
// anything with, what is cut off, and what claims more pixels than its bytes can
// hold.
func readJPEGHeader(original []byte) (h jpegHeader, err error) {
	rest := original[2:]
	for !h.ended {
		marker, segment, after, err := nextSegment(rest)
		if err != nil {
			return h, err
		}
		rest = after
		switch {
		case marker == markerEOI:
			h.ended = true
		case marker == markerSOS:
			if err := h.startOfScan(segment); err != nil {
				return h, err
			}
			n := entropyLength(rest)
			h.entropy += n
			rest = rest[n:]
		case marker >= markerSOF0 && marker <= 0xcf && marker != markerDHT && marker != markerJPG && marker != markerDAC:
			if err := h.startOfFrame(marker, segment); err != nil {
				return h, err
			}
		}
	}
	if h.scans == 0 {
		return h, errors.New("no picture in it")
	}
	return h, h.plausible()
}

// nextSegment returns the next marker, what belongs to it, and what follows.
// Bytes before the marker are skipped, as every decoder does.
func nextSegment(data []byte) (marker byte, segment, rest []byte, err error) {
	for {
		i := bytes.IndexByte(data, 0xff)
		if i < 0 || i+1 >= len(data) {
			return 0, nil, nil, errCutOff
		}
		marker, data = data[i+1], data[i+1:]
		if marker != 0 && marker != 0xff {
			data = data[1:]
			break
		}
	}
	if marker == markerEOI || marker == 0x01 || marker >= markerRST0 && marker <= markerSOI {
		return marker, nil, data, nil
	}
	if len(data) < 2 {
		return 0, nil, nil, errCutOff
	}
	n := int(binary.BigEndian.Uint16(data))
	if n < 2 {
		return 0, nil, nil, fmt.Errorf("marker %#x has length %d", marker, n)
	}
	if n > len(data) {
		return 0, nil, nil, errCutOff
	}
	return marker, data[2:n], data[n:], nil
}

// entropyLength is how many bytes of coded samples data begins with: up to a
// marker that is neither a stuffed byte nor a restart.
func entropyLength(data []byte) int {
	at := 0
	for {
		i := bytes.IndexByte(data[at:], 0xff)
		if i < 0 || at+i+1 >= len(data) {
			return len(data)
		}
		at += i
		next := data[at+1]
		if next != 0 && (next < markerRST0 || next >= markerSOI) && next != 0xff {
			return at
		}
		at++
		if next != 0xff {
			at++
		}
	}
}

func (h *jpegHeader) startOfFrame(marker byte, segment []byte) error {
	if h.components != nil {
		return errors.New("more than one frame")
	}
	switch marker {
	case 0xc0, 0xc1:
	case 0xc2:
		h.progressive = true
	case 0xc9:
		h.arithmetic = true
	case 0xca:
		h.progressive, h.arithmetic = true, true
	default:
		return fmt.Errorf("coding process %#x is not supported", marker)
	}
	if len(segment) < 6 || len(segment) < 6+3*int(segment[5]) {
		return errCutOff
	}
	if segment[0] != 8 {
		return fmt.Errorf("%d bits a sample are not supported", segment[0])
	}
	h.height = int(binary.BigEndian.Uint16(segment[1:]))
	h.width = int(binary.BigEndian.Uint16(segment[3:]))
	n := int(segment[5])
	if n != 1 && n != 3 && n != 4 {
		return fmt.Errorf("%d components are not supported", n)
	}
	for i := range n {
		c := component{id: segment[6+3*i], h: segment[7+3*i] >> 4, v: segment[7+3*i] & 15}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return fmt.Errorf("sampling %dx%d is impossible", c.h, c.v)
		}
		h.components = append(h.components, c)
	}
	return nil
}

func (h *jpegHeader) startOfScan(segment []byte) error {
	if h.components == nil || len(segment) < 1 {
		return errors.New("a scan without a frame")
	}
	if h.scans++; h.scans > maxScans {
		return fmt.Errorf("more than %d scans", maxScans)
	}
	if h.scans == 1 {
		h.interleaved = int(segment[0]) == len(h.components)
	}
	return nil
}

// blocks counts the 8×8 blocks of all components.
func (h *jpegHeader) blocks() (n int64) {
	maxH, maxV := h.maxSampling()
	for _, c := range h.components {
		across := (h.width*int(c.h) + 8*maxH - 1) / (8 * maxH)
		down := (h.height*int(c.v) + 8*maxV - 1) / (8 * maxV)
		n += int64(across) * int64(down)
	}
	return n
}

// paddedBlocks is blocks with every component padded to whole MCUs, as decoders
// lay them out.
func (h *jpegHeader) paddedBlocks() (n int64) {
	maxH, maxV := h.maxSampling()
	across, down := (h.width+8*maxH-1)/(8*maxH), (h.height+8*maxV-1)/(8*maxV)
	for _, c := range h.components {
		n += int64(across*int(c.h)) * int64(down*int(c.v))
	}
	return n
}

func (h *jpegHeader) maxSampling() (across, down int) {
	for _, c := range h.components {
		across, down = max(across, int(c.h)), max(down, int(c.v))
	}
	return across, down
}

// plausible refuses a file with fewer bytes than its pixels take at the very
// least. With Huffman coding that is two bits a block (one for the DC difference,
// one that says there is nothing else), and one when progressive.
func (h *jpegHeader) plausible() error {
	bits := int64(2)
	switch {
	case h.arithmetic:
		return nil // arithmetic coding has no such floor
	case h.progressive:
		bits = 1
	}
	if int64(h.entropy)*8 < h.blocks()*bits {
		return fmt.Errorf("%w: %d bytes cannot hold %dx%d pixels", errCutOff, h.entropy, h.width, h.height)
	}
	return nil
}

// subsampling is how many luma samples a sample of chroma spans.
func (h *jpegHeader) subsampling() (x, y float64) {
	if len(h.components) < 2 {
		return 1, 1
	}
	luma, chroma := h.components[0], h.components[1]
	return float64(luma.h) / float64(chroma.h), float64(luma.v) / float64(chroma.v)
}
