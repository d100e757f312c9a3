package render

import "bytes"

// plainReader reads the head of a JPEG for decodeEighth.
type plainReader struct {
	*jpegHeader
	quant   [4]int32  // first coefficients of the quantisation tables; 0: no table
	codes   [8]*codes // of first coefficients, then of the others
	quantOf []byte    // the components' tables
}

const (
	markerDQT   = 0xdb
	markerDRI   = 0xdd
	markerAdobe = 0xee
)

// readPlain reads what comes before the samples of a plain JPEG, and returns its
// components, ready to decode, and the samples.
func readPlain(rest []byte, h *jpegHeader) (components []plainComponent, data []byte, err error) {
	if h.progressive || h.arithmetic || h.scans != 1 || !h.interleaved || len(h.components) > 3 {
		return nil, nil, errNotPlain
	}
	r := plainReader{jpegHeader: h}
	for len(rest) > 0 && rest[0] == 0xff {
		marker, segment, after, err := nextSegment(rest)
		if err != nil || !r.segment(marker, segment) {
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
func (r *plainReader) segment(marker byte, segment []byte) bool {
	switch marker {
	case markerDQT:
		return r.quantTables(segment)
	case markerDHT:
		return r.huffmanTables(segment)
	case markerDRI:
		return string(segment) == "\x00\x00"
	case markerAdobe: // its last byte tells YCbCr from RGB
		return len(segment) < 12 || string(segment[:5]) != "Adobe" || segment[11] == 1 || len(r.components) == 1
	case markerSOF0, markerSOF0 + 1:
		for i := range r.components {
			r.quantOf = append(r.quantOf, segment[8+3*i])
		}
	}
	return true
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
	n := len(r.components)
	if len(segment) != 4+2*n || string(segment[1+2*n:]) != "\x00\x3f\x00" {
		return nil
	}
	for i, c := range r.components {
		id, first, others := segment[1+2*i], segment[2+2*i]>>4, segment[2+2*i]&15
		if id != c.id || r.quantOf[i] > 3 || first > 3 || others > 3 {
			return nil
		}
		made := plainComponent{across: int(c.h), down: int(c.v), quant: r.quant[r.quantOf[i]], first: r.codes[first], others: newSkips(r.codes[4+others])}
		if made.quant == 0 || made.first == nil || made.others == nil {
			return nil
		}
		components = append(components, made)
	}
	if n == 1 { // its blocks are not grouped, whatever its sampling
		components[0].across, components[0].down = 1, 1
		return components
	}
	for i, c := range r.components {
		if i > 0 && (c.h != 1 || c.v != 1) {
			return nil
		}
	}
	switch luma := r.components[0]; luma.h<<4 | luma.v {
	case 0x11, 0x21, 0x12, 0x22, 0x41:
	default:
		return nil
	}
	if r.components[0].id == 'R' && r.components[1].id == 'G' && r.components[2].id == 'B' {
		return nil
	}
	return components
}
