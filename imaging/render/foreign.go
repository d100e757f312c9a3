package render

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// foreign is a format that cannot be decoded here, and that the app's renderer, Pillow,
// may know. It is told by its magic number. EPS is never among them: Pillow gives it to
// Ghostscript, which runs it as a program.
type foreign struct {
	format string
	magic  string // '?' stands for any byte
	// Where the size stands, so that the limits hold: this far behind the text after,
	// or from the start where there is none. No order: it stands nowhere in particular.
	after         string
	width, height int
	bytes         int
	order         binary.ByteOrder
}

func foreigners() []foreign {
	big, little := binary.BigEndian, binary.LittleEndian
	return []foreign{
		{"jpeg2000", "\x00\x00\x00\x0cjP  \r\n\x87\n", "ihdr", 4, 0, 4, big},
		{"jpeg2000", "\xff\x4f\xff\x51", "", 8, 12, 4, big},
		{"avif", "????ftypavif", "ispe", 4, 8, 4, big},
		{"psd", "8BPS", "", 18, 14, 4, big},
		{"dds", "DDS ", "", 16, 12, 4, little},
		{"qoi", "qoif", "", 4, 8, 4, big},
		{"sun", "\x59\xa6\x6a\x95", "", 4, 8, 4, big},
		{"sgi", "\x01\xda", "", 6, 8, 2, big},
		{"bigtiff", "II+\x00", "", 0, 0, 0, nil},
		{"bigtiff", "MM\x00+", "", 0, 0, 0, nil},
		{"ico", "\x00\x00\x01\x00", "", 0, 0, 0, nil},
		{"cur", "\x00\x00\x02\x00", "", 0, 0, 0, nil},
		{"icns", "icns", "", 0, 0, 0, nil},
		{"pcx", "\x0a\x05\x01", "", 0, 0, 0, nil},
		{"fli", "????\x11\xaf", "", 0, 0, 0, nil},
		{"fli", "????\x12\xaf", "", 0, 0, 0, nil},
		{"dib", "\x28\x00\x00\x00", "", 4, 8, 4, little},
		{"msp", "DanM", "", 4, 6, 2, little},
		{"msp", "LinS", "", 4, 6, 2, little},
		{"fits", "SIMPLE", "", 0, 0, 0, nil},
		{"im", "Image type", "", 0, 0, 0, nil},
		{"xpm", "/* XPM */", "", 0, 0, 0, nil},
		{"xbm", "#define ", "", 0, 0, 0, nil},
		{"ppm", "P1", "", 0, 0, 0, nil},
		{"ppm", "P2", "", 0, 0, 0, nil},
		{"ppm", "P3", "", 0, 0, 0, nil},
		{"ppm", "P4", "", 0, 0, 0, nil},
		{"ppm", "P5", "", 0, 0, 0, nil},
		{"ppm", "P6", "", 0, 0, 0, nil},
	}
}

// readForeign returns the header of a foreign original, whose size is zero where it is
// not known. An error that wraps thumb.ErrOriginalForApp comes with it.
func readForeign(original []byte) (h header, err error) {
	for _, f := range foreigners() {
		if !matches(original, f.magic) || f.format == "ppm" && !bytes.ContainsAny(original[2:min(3, len(original))], " \t\r\n#") {
			continue
		}
		h := header{format: f.format}
		h.width, h.height = f.size(original)
		return h, fmt.Errorf("%w: %s", thumb.ErrOriginalForApp, f.format)
	}
	return h, errNotAnImage
}

func (f *foreign) size(original []byte) (width, height int) {
	if f.order == nil {
		return 0, 0
	}
	at := bytes.Index(original[:min(len(original), 64<<10)], []byte(f.after))
	if at < 0 {
		return 0, 0
	}
	fields := original[at+len(f.after):]
	if len(fields) < max(f.width, f.height)+f.bytes {
		return 0, 0
	}
	if f.bytes == 2 {
		return int(f.order.Uint16(fields[f.width:])), int(f.order.Uint16(fields[f.height:]))
	}
	return int(f.order.Uint32(fields[f.width:])), int(f.order.Uint32(fields[f.height:]))
}
