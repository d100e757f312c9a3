package render

import (
	"bytes"
	"encoding/binary"
)

// plainReader reads the head of a JPEG for decodeEighth.
type plainReader struct {
	frame []byte    // of the frame's segment, three bytes a component
	quant [4]int32  // first coefficients of the quantisation tables; 0: no table
	codes [8]*codes // of first coefficients, then of the others
}

// readPlain reads what comes before the samples of a plain JPEG, and returns its
// components, ready to decode, and the samples. It is strict: whatever libjpeg would
// warn of or refuse is not plain.
func readPlain(rest []byte, width, height int) (components []plainComponent, data []byte, err error) {
	var r plainReader
	for len(rest) > 0 && rest[0] == 0xff {
		marker, segment, after, err := nextSegment(rest)
		if err != nil || !r.segment(marker, segment, width, height) {
			break
		}
		if rest = after; marker != markerSOS {
			continue
		}
		n := plainLength(rest)
		if components = r.start(segment); components == nil || len(rest) < n+2 || rest[n+1] != markerEOI {
			break
		}
		return components, rest[:n], nil
	}
	return nil, nil, errNotPlain
}

// plainLength is how many bytes of coded samples data begins with: up to a marker,
// restarts included.
func plainLength(data []byte) int {
	for at := 0; ; at += 2 {
		i := bytes.IndexByte(data[at:], 0xff)
		if i < 0 || at+i+1 >= len(data) {
			return len(data)
		}
		if at += i; data[at+1] != 0 {
			return at
		}
	}
}

// segment takes what a segment says; false: it is not that of a plain JPEG.
func (r *plainReader) segment(marker byte, segment []byte, width, height int) bool {
	switch marker {
	case markerDQT:
		return r.quantTables(segment)
	case markerDHT:
		return r.huffmanTables(segment)
	case markerDRI:
		return string(segment) == "\x00\x00"
	case markerAdobe: // its last byte tells YCbCr from RGB
		return len(segment) < 12 || string(segment[:5]) != "Adobe" || segment[11] == 1
	case markerSOF0, markerSOF1:
		return r.startOfFrame(segment, width, height)
	}
	return marker == markerSOS || marker == markerCOM || marker >= markerAPP0 && marker <= markerAPP15
}

// startOfFrame takes a frame of 8 bits and one or three components that differ.
func (r *plainReader) startOfFrame(segment []byte, width, height int) bool {
	if r.frame != nil || len(segment) < 6 || segment[0] != 8 ||
		int(binary.BigEndian.Uint16(segment[1:])) != height || int(binary.BigEndian.Uint16(segment[3:])) != width {
		return false
	}
	r.frame = segment[6:]
	switch n := segment[5]; {
	case n == 1 && len(r.frame) == 3:
		h, v := r.frame[1]>>4, r.frame[1]&15
		return h > 0 && h <= 4 && v > 0 && v <= 4
	case n == 3 && len(r.frame) == 9:
		return r.frame[0] != r.frame[3] && r.frame[3] != r.frame[6] && r.frame[0] != r.frame[6]
	}
	return false
}

func (r *plainReader) quantTables(segment []byte) bool {
	for len(segment) > 0 {
		wide, id := int(segment[0]>>4), segment[0]&15
		n := 1 + 64*(1+wide)
		if wide > 1 || id > 3 || len(segment) < n {
			return false
		}
		r.quant[id] = int32(segment[1])
		if wide == 1 {
			r.quant[id] = int32(segment[1])<<8 | int32(segment[2])
		}
		segment = segment[n:]
	}
	return true
}

func (r *plainReader) huffmanTables(segment []byte) bool {
	for len(segment) > 0 {
		class, id := segment[0]>>4, segment[0]&15
		c, n := newCodes(segment[1:])
		if c == nil || class > 1 || id > 3 {
			return false
		}
		r.codes[class*4+id] = c
		segment = segment[1+n:]
	}
	return true
}

// start reads the start of the scan; nil: it is not that of a plain JPEG.
func (r *plainReader) start(segment []byte) (components []plainComponent) {
	n := len(r.frame) / 3
	if n == 0 || len(segment) != 4+2*n || int(segment[0]) != n || string(segment[1+2*n:]) != "\x00\x3f\x00" {
		return nil
	}
	for i := range n {
		id, sampling, quant := r.frame[3*i], r.frame[3*i+1], r.frame[3*i+2]
		first, others := segment[2+2*i]>>4, segment[2+2*i]&15
		if segment[1+2*i] != id || quant > 3 || first > 3 || others > 3 || i > 0 && sampling != 0x11 {
			return nil
		}
		made := plainComponent{
			across: int(sampling >> 4), down: int(sampling & 15),
			quant: r.quant[quant], first: r.codes[first], others: newSkips(r.codes[4+others]),
		}
		if made.quant == 0 || made.first == nil || made.others == nil {
			return nil
		}
		components = append(components, made)
	}
	if n == 1 { // its blocks are not grouped, whatever its sampling
		components[0].across, components[0].down = 1, 1
		return components
	}
	switch r.frame[1] {
	case 0x11, 0x21, 0x12, 0x22, 0x41:
	default:
		return nil
	}
	if r.frame[0] == 'R' && r.frame[3] == 'G' && r.frame[6] == 'B' {
		return nil
	}
	return components
}
