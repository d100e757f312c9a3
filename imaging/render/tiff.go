package render

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"slices"

	"golang.org/x/image/tiff"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The tags of a TIFF that decide how its pixels are stored.
const (
	tiffBits         = 258
	tiffCompression  = 259
	tiffPhotometric  = 262
	tiffFillOrder    = 266
	tiffOrientation  = 274
	tiffSamples      = 277
	tiffRowsPerStrip = 278
	tiffPlanar       = 284
	tiffPredictor    = 317
	tiffTileWidth    = 322
	tiffTileLength   = 323
	tiffExtraSamples = 338
	tiffSampleFormat = 339
)

// tiffHeader reads a TIFF's header. x/image/tiff ignores tags that it does not know the
// values of, and then makes a wrong picture: only combinations that are known to come
// out right are decoded here, all others are left to the app.
func tiffHeader(original []byte) (h header, err error) {
	tags, ok := readTIFFTags(original)
	if !ok {
		return h, errCutOff
	}
	h.width, h.height = tags.one(256, 0), tags.one(257, 0)
	if why := tags.unusual(); why != "" {
		return h, fmt.Errorf("%w: TIFF with %s", thumb.ErrOriginalForApp, why)
	}
	config, err := tiff.DecodeConfig(bytes.NewReader(original))
	var unsupported tiff.UnsupportedError
	switch {
	case errors.As(err, &unsupported):
		return h, fmt.Errorf("%w: %w", thumb.ErrOriginalForApp, err)
	case err != nil:
		return h, err
	}
	return header{
		width: config.Width, height: config.Height, model: config.ColorModel,
		block: tags.block(config.Width, config.Height), orientation: tags.one(tiffOrientation, 1),
	}, nil
}

func decodeTIFF(ctx context.Context, original []byte, _ *header) (image.Image, error) {
	m, err := tiff.Decode(stoppable{ctx, bytes.NewReader(original)})
	var unsupported tiff.UnsupportedError
	if errors.As(err, &unsupported) {
		return nil, fmt.Errorf("%w: %w", thumb.ErrOriginalForApp, err)
	}
	return m, err
}

// tiffTags are the values of a TIFF's first directory that are whole numbers.
type tiffTags map[uint16][]int

// one returns the value of a tag that has one; otherwise where there is none.
func (t tiffTags) one(tag uint16, otherwise int) int {
	if values, ok := t[tag]; ok && len(values) > 0 {
		return values[0]
	}
	return otherwise
}

// unusual says what of a TIFF does not come out right, or may not; "": nothing.
func (t tiffTags) unusual() string {
	samples := t.one(tiffSamples, 1)
	bits := t[tiffBits]
	if len(bits) == 0 {
		bits = []int{1}
	}
	eight := !slices.ContainsFunc(bits, func(b int) bool { return b != 8 }) && len(bits) == samples
	var rightPixels bool
	switch photometric := t.one(tiffPhotometric, -1); photometric {
	case 0, 1:
		rightPixels = samples == 1 && (eight || len(bits) == 1 && bits[0] == 1)
	case 2: // alpha is dropped, but it must not be in the colours
		extra := t.one(tiffExtraSamples, -1)
		rightPixels = eight && (samples == 3 || samples == 4 && extra == 2)
	case 3:
		rightPixels = samples == 1 && eight
	}
	switch {
	case !rightPixels:
		return "pixels of another kind"
	case !slices.Contains([]int{1, 5, 8, 32773, 32946}, t.one(tiffCompression, 1)):
		return "another compression"
	case t.one(tiffFillOrder, 1) != 1:
		return "bits in another order"
	case t.one(tiffPlanar, 1) != 1:
		return "planes apart"
	case t.one(tiffPredictor, 1) > 2, t.one(tiffPredictor, 1) == 2 && !eight:
		return "another predictor"
	case t.one(tiffOrientation, 1) > 4: // width and height change places: the app's sizes, too
		return "another orientation"
	case slices.ContainsFunc(t[tiffSampleFormat], func(f int) bool { return f != 1 }):
		return "samples of another format"
	}
	return ""
}

// block returns how many pixels are unpacked at once: those of the largest strip
// or tile, and 0 where nothing is packed. A tile may be larger than a small image.
func (t tiffTags) block(width, height int) int64 {
	widest, highest := int64(max(width+16, 1024)), int64(max(height+16, 1024))
	tileWidth, tileLength, rows := t.one(tiffTileWidth, 0), t.one(tiffTileLength, 0), t.one(tiffRowsPerStrip, 0)
	switch {
	case t.one(tiffCompression, 1) == 1:
		return 0
	case tileWidth > 0:
		return min(widest, int64(tileWidth)) * min(highest, int64(tileLength))
	case rows > 0:
		return widest * min(highest, int64(rows))
	}
	return widest * highest
}

// readTIFFTags reads the first directory. Of many values it reads a few: those above
// have no more. ok is false where it is cut off.
func readTIFFTags(original []byte) (tags tiffTags, ok bool) {
	const most = 8
	if len(original) < 8 {
		return nil, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if original[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(original[4:]))
	if at+2 > int64(len(original)) {
		return nil, false
	}
	entries := original[at+2:]
	tags = tiffTags{}
	for range order.Uint16(original[at:]) {
		if len(entries) < 12 {
			return nil, false
		}
		entry := entries[:12]
		entries = entries[12:]
		width := map[uint16]int{1: 1, 3: 2, 4: 4}[order.Uint16(entry[2:])]
		n := int64(order.Uint32(entry[4:]))
		if width == 0 {
			continue
		}
		values := entry[8:]
		if n*int64(width) > 4 {
			from := int64(order.Uint32(entry[8:]))
			if from > int64(len(original)) {
				return nil, false
			}
			values = original[from:]
		}
		var list []int
		for i := range int(min(n, most, int64(len(values)/width))) {
			switch v := values[i*width:]; width {
			case 1:
				list = append(list, int(v[0]))
			case 2:
				list = append(list, int(order.Uint16(v)))
			case 4:
				list = append(list, int(order.Uint32(v)))
			}
		}
		tags[order.Uint16(entry)] = list
	}
	return tags, true
}
