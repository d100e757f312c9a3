package render

import "encoding/binary"

// The tags that say how a TIFF's pixels are stored.
const (
	tiffCompression  = 259
	tiffRowsPerStrip = 278
	tiffTileWidth    = 322
	tiffTileLength   = 323
)

// tiffBlock returns how many pixels are unpacked at once: those of the largest strip
// or tile, and 0 where nothing is packed. What cannot be told counts as all of the
// image. A tile may be larger than a small image.
func tiffBlock(original []byte, width, height int) int64 {
	widest, highest := int64(max(width+16, 1024)), int64(max(height+16, 1024))
	tags, ok := tiffTags(original)
	switch {
	case !ok:
		return widest * highest
	case tags[tiffCompression] <= 1:
		return 0
	case tags[tiffTileWidth] > 0:
		return min(widest, tags[tiffTileWidth]) * min(highest, tags[tiffTileLength])
	case tags[tiffRowsPerStrip] > 0:
		return widest * min(highest, tags[tiffRowsPerStrip])
	}
	return widest * highest
}

// tiffTags reads the tags above from a TIFF's first directory, as far as they have
// one value each; ok is false where they have not, or the directory is cut off.
func tiffTags(original []byte) (tags map[uint16]int64, ok bool) {
	var order binary.ByteOrder = binary.LittleEndian
	if original[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(original[4:]))
	if at+2 > int64(len(original)) {
		return nil, false
	}
	entries := original[at+2:]
	tags = map[uint16]int64{}
	for range order.Uint16(original[at:]) {
		if len(entries) < 12 {
			return nil, false
		}
		entry := entries[:12]
		entries = entries[12:]
		switch tag := order.Uint16(entry); tag {
		case tiffCompression, tiffRowsPerStrip, tiffTileWidth, tiffTileLength:
			if order.Uint32(entry[4:]) != 1 {
				return nil, false
			}
			switch order.Uint16(entry[2:]) {
			case 1:
				tags[tag] = int64(entry[8])
			case 3:
				tags[tag] = int64(order.Uint16(entry[8:]))
			case 4:
				tags[tag] = int64(order.Uint32(entry[8:]))
			default:
				return nil, false
			}
		}
	}
	return tags, true
}
