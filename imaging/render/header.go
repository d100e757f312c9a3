package render

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// header is what is known of an original before it is decoded.
type header struct {
	format        string
	width, height int
	jpeg          jpegHeader  // of a JPEG
	model         color.Model // of anything else: what it is decoded to
	lossless      int64       // of a WebP: bytes that are coded without loss
	block         int64       // of a TIFF: pixels that are unpacked at once
	orientation   int         // of a TIFF: which Pillow applies, as of no other format
}

// codec reads one format that is not JPEG.
type codec struct {
	format string
	magic  []string // '?' stands for any byte
	header func(original []byte) (header, error)
	decode func(ctx context.Context, original []byte, h *header) (image.Image, error)
}

func codecs() []codec {
	return []codec{
		{"png", []string{"\x89PNG\r\n\x1a\n"}, pngHeader, decodePNG},
		{"gif", []string{"GIF87a", "GIF89a"}, gifHeader, decodeGIF},
		{"bmp", []string{"BM"}, bmpHeader, decodeBMP},
		{"tiff", []string{"II*\x00", "MM\x00*"}, tiffHeader, decodeTIFF},
		{"webp", []string{"RIFF????WEBPVP8"}, webpHeader, decodeWebP},
	}
}

var errNotAnImage = fmt.Errorf("not an image of a known format: %w", thumb.ErrUnshowable)

// readHeader finds out what an original is and how large. With an error that wraps
// thumb.ErrOriginalForApp the size comes as far as it is known.
func readHeader(original []byte) (h header, err error) {
	if bytes.HasPrefix(original, []byte("\xff\xd8\xff")) {
		j, err := readJPEGHeader(original)
		width, height := j.size()
		return header{format: "jpeg", width: width, height: height, jpeg: j}, err
	}
	for _, c := range codecs() {
		if c.matches(original) {
			h, err := c.header(original)
			h.format = c.format
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
