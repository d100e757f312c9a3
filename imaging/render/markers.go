package render

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The markers of a JPEG that are read in Go.
const (
	markerSOF0  = 0xc0
	markerSOF1  = 0xc1
	markerSOF2  = 0xc2
	markerDHT   = 0xc4
	markerJPG   = 0xc8
	markerDAC   = 0xcc
	markerRST0  = 0xd0
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerDQT   = 0xdb
	markerDRI   = 0xdd
	markerAPP0  = 0xe0
	markerAdobe = 0xee
	markerAPP15 = 0xef
	markerCOM   = 0xfe
)

var errCutOff = thumb.ErrCutOff

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
