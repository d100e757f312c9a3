package render

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"

	"golang.org/x/image/webp"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// webpHeader reads a WebP's header. An animated one is left to the app.
func webpHeader(original []byte) (h header, err error) {
	const animated = 2
	if len(original) > 30 && string(original[12:16]) == "VP8X" && original[20]&animated != 0 {
		return header{width: 1 + littleEndian24(original[24:]), height: 1 + littleEndian24(original[27:])},
			fmt.Errorf("%w: animated WebP", thumb.ErrOriginalForApp)
	}
	config, err := webp.DecodeConfig(bytes.NewReader(original))
	if err != nil {
		return h, err
	}
	h = header{width: config.Width, height: config.Height, model: config.ColorModel}
	h.lossless, err = losslessBytes(original)
	return h, err
}

func littleEndian24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

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

// decodeWebP decodes a WebP. The planes of a lossy one are brought to JPEG's range.
func decodeWebP(ctx context.Context, original []byte, _ *header) (image.Image, error) {
	m, err := webp.Decode(stoppable{ctx, bytes.NewReader(original)})
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: %w", errCutOff, err)
	case err != nil: // its chunks are all there
		return nil, fmt.Errorf("%w: %w", thumb.ErrOriginalForApp, err)
	}
	switch m := m.(type) {
	case *image.YCbCr:
		toFullRange(m)
	case *image.NYCbCrA:
		toFullRange(&m.YCbCr)
	}
	return m, nil
}

// toFullRange stretches planes of ITU-R BT.601's limited range, in which VP8 codes
// (black is 16, white 235), to the range of JPEG, which image/color takes them for.
func toFullRange(m *image.YCbCr) {
	var luma, chroma [256]byte
	for i := range 256 {
		luma[i] = byte(max(0, min(255, ((i-16)*255*2+219)/(219*2))))
		chroma[i] = byte(max(0, min(255, 128+(float64(i)-128)*255/224+0.5)))
	}
	for i, v := range m.Y {
		m.Y[i] = luma[v]
	}
	for i, v := range m.Cb {
		m.Cb[i] = chroma[v]
	}
	for i, v := range m.Cr {
		m.Cr[i] = chroma[v]
	}
}
