//go:build !turbojpeg

package render

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// maxScans is how many scans a JPEG may have. Progressive encoders write about
// ten; every one costs a pass over the whole picture, however few bytes it has.
const maxScans = 100

// jpegHeader is what image/jpeg does not say of a JPEG, or only once it has decoded
// it. A walk over the markers finds it.
type jpegHeader struct {
	width, height int
	components    []component
	progressive   bool
	scans         int
	coded         [4][64]bool // coefficients of each component that are there to the last bit
	ended         bool        // the end-of-image marker is there
	adobe         bool        // an Adobe marker is there
}

// component is a plane of a JPEG; h and v are its sampling factors.
type component struct{ id, h, v byte }

func (h *jpegHeader) size() (width, height int) { return h.width, h.height }

// readJPEGHeader walks over a JPEG. It refuses what no decoder could do anything with,
// and names for the app what image/jpeg cannot decode.
func readJPEGHeader(original []byte) (h jpegHeader, err error) {
	rest := original[2:]
	for !h.ended {
		marker, segment, after, err := nextSegment(rest)
		if err == errCutOff && h.scans > 0 {
			break // a trailer, or padding, instead of the end: decoding tells
		}
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
			rest = rest[entropyLength(rest):]
		case marker == markerAdobe:
			h.adobe = h.adobe || len(segment) >= 12 && string(segment[:5]) == "Adobe"
		case marker >= markerSOF0 && marker <= 0xcf && marker != markerDHT && marker != markerJPG && marker != markerDAC && h.scans == 0:
			if err := h.startOfFrame(marker, segment); err != nil {
				return h, err
			}
		}
	}
	switch {
	case h.scans == 0:
		return h, errors.New("no picture in it")
	case h.progressive && !h.ended:
		return h, errCutOff
	case h.progressive && !h.complete():
		return h, fmt.Errorf("%w: progressive scans are missing, what they lack is made up", thumb.ErrOriginalForApp)
	}
	return h, nil
}

// complete says whether all coefficients are there to the last bit. Where they are not,
// libjpeg smoothes the picture.
func (h *jpegHeader) complete() bool {
	for i := range h.components {
		if slices.Contains(h.coded[i][:], false) {
			return false
		}
	}
	return true
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

// startOfFrame refuses what Pillow refuses, and leaves arithmetic coding to the app.
func (h *jpegHeader) startOfFrame(marker byte, segment []byte) error {
	if h.components != nil {
		return errors.New("more than one frame")
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
	switch marker {
	case markerSOF0, markerSOF1:
	case markerSOF2:
		h.progressive = true
	case 0xc9, 0xca:
		return fmt.Errorf("%w: arithmetic coding is not supported", thumb.ErrOriginalForApp)
	default:
		return fmt.Errorf("coding process %#x is not supported", marker)
	}
	return nil
}

func (h *jpegHeader) startOfScan(segment []byte) error {
	if h.components == nil || len(segment) < 4 || len(segment) < 4+2*int(segment[0]) {
		return errors.New("a scan without a frame")
	}
	if h.scans++; h.scans > maxScans {
		return fmt.Errorf("more than %d scans", maxScans)
	}
	n := int(segment[0])
	from, to, low := segment[1+2*n], segment[2+2*n], segment[3+2*n]&15
	for i, c := range h.components {
		for k := range n {
			for at := int(from); at <= int(to) && at < 64 && low == 0 && segment[1+2*k] == c.id; at++ {
				h.coded[i][at] = true
			}
		}
	}
	return nil
}

// paddedBlocks counts the 8×8 blocks of all components, each padded to whole MCUs, as
// decoders lay them out.
func (h *jpegHeader) paddedBlocks() (n int64) {
	maxH, maxV := 0, 0
	for _, c := range h.components {
		maxH, maxV = max(maxH, int(c.h)), max(maxV, int(c.v))
	}
	across, down := (h.width+8*maxH-1)/(8*maxH), (h.height+8*maxV-1)/(8*maxV)
	for _, c := range h.components {
		n += int64(across*int(c.h)) * int64(down*int(c.v))
	}
	return n
}
