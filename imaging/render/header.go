package render

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// header is what is known of an original before it is decoded.
type header struct {
	format        string
	width, height int
	jpeg          jpegHeader  // of a JPEG
	model         color.Model // of anything else
	lossless      int64       // of a WebP: bytes that are coded without loss
	block         int64       // of a TIFF: pixels that are unpacked at once
}

// codec reads one format that is not JPEG.
type codec struct {
	format string
	magic  []string // '?' stands for any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func codecs() []codec {
	return []codec{
		{"png", []string{"\x89PNG\r\n\x1a\n"}, png.DecodeConfig, png.Decode},
		{"gif", []string{"GIF87a", "GIF89a"}, gif.DecodeConfig, gif.Decode},
		{"bmp", []string{"BM????\x00\x00\x00\x00"}, bmp.DecodeConfig, bmp.Decode},
		{"tiff", []string{"II*\x00", "MM\x00*"}, tiff.DecodeConfig, tiff.Decode},
		{"webp", []string{"RIFF????WEBPVP8"}, webp.DecodeConfig, webp.Decode},
	}
}

var errNotAnImage = fmt.Errorf("not an image of a known format: %w", thumb.ErrUnshowable)

// readHeader finds out what an original is and how large.
func readHeader(original []byte) (h header, err error) {
	if bytes.HasPrefix(original, []byte("\xff\xd8\xff")) {
		j, err := readJPEGHeader(original)
		width, height := j.size()
		return header{format: "jpeg", width: width, height: height, jpeg: j}, err
	}
	for _, c := range codecs() {
		if c.matches(original) {
			config, err := c.config(bytes.NewReader(original))
			h := header{format: c.format, width: config.Width, height: config.Height, model: config.ColorModel}
			switch {
			case err != nil:
			case c.format == "webp":
				h.lossless, err = losslessBytes(original)
			case c.format == "tiff":
				h.block = tiffBlock(original, h.width, h.height)
			}
			return h, err
		}
	}
	return readForeign(original)
}

func (c *codec) matches(original []byte) bool {
	for _, magic := range c.magic {
		if matches(original, magic) {
			return true
		}
	}
	return false
}

func matches(original []byte, magic string) bool {
	if len(original) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != original[i] {
			return false
		}
	}
	return true
}

// losslessBytes walks over the chunks of a WebP, and adds up those that are coded
// without loss: their price depends on their length. It refuses a file that
// claims more bytes than there are, which the decoder would allocate.
func losslessBytes(original []byte) (n int64, err error) {
	for rest := original[12:]; len(rest) >= 8; {
		length := int64(binary.LittleEndian.Uint32(rest[4:]))
		if length > int64(len(rest)-8) {
			return 0, errCutOff
		}
		if id := string(rest[:4]); id == "VP8L" || id == "ALPH" {
			n += length
		}
		rest = rest[8+min(length+length&1, int64(len(rest)-8)):]
	}
	return n, nil
}
