package render_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"testing"
)

// pngChunk is a chunk with its checksum.
func pngChunk(id string, data []byte) []byte {
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), id...)
	chunk = append(chunk, data...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
}

// TestMendedPNG: what Pillow does not mind about a PNG changes nothing of the picture.
func TestMendedPNG(t *testing.T) {
	t.Parallel()
	whole := read(t, "cameras/guard-interlaced.png")
	want := renderAll(t, whole, specs[0])[0].JPEG
	data, end := bytes.Index(whole, []byte("IDAT")), bytes.LastIndex(whole, []byte("IEND"))-4
	length := int(binary.BigEndian.Uint32(whole[data-4:]))
	checksum := bytes.Clone(whole)
	checksum[data+4+length]++ // behind the first chunk's data
	for name, original := range map[string][]byte{
		"wrong checksum of data": checksum,
		"no end":                 whole[:end],
		"transparency at the end": append(append(bytes.Clone(whole[:end]),
			pngChunk("tRNS", make([]byte, 6))...), whole[end:]...),
	} {
		got, err := renderFirst(t, original)
		if err != nil || !bytes.Equal(got.JPEG, want) {
			t.Errorf("%s: the picture changed, %v", name, err)
		}
	}
	head := bytes.Clone(whole)
	head[29]++ // the checksum of the head counts
	if _, err := renderFirst(t, head); err == nil {
		t.Error("a wrong checksum of the head is let through")
	}
}

// TestGIFScreens: a screen that is smaller than its frame, or nothing, grows.
func TestGIFScreens(t *testing.T) {
	t.Parallel()
	m := image.NewPaletted(image.Rect(0, 0, 300, 200), color.Palette{color.Black, color.RGBA{200, 30, 30, 255}})
	for i := range m.Pix {
		m.Pix[i] = byte(i / 100 % 2)
	}
	var b bytes.Buffer
	if err := gif.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	want := renderAll(t, b.Bytes(), specs[0])[0].JPEG
	for _, side := range []uint16{0, 10} {
		original := bytes.Clone(b.Bytes())
		binary.LittleEndian.PutUint16(original[6:], side)
		binary.LittleEndian.PutUint16(original[8:], side)
		if got, err := renderFirst(t, original); err != nil || !bytes.Equal(got.JPEG, want) {
			t.Errorf("a screen of %d by %d: the picture changed, %v", side, side, err)
		}
	}
}

// TestBMPLayouts: the same pixel in every layout has the same colour.
func TestBMPLayouts(t *testing.T) {
	t.Parallel()
	file := func(header, size, bits, compression int, rest string) []byte {
		out := append([]byte("BM"), make([]byte, 12)...)
		little := binary.LittleEndian
		if header == 12 {
			for _, v := range []uint16{12, 0, uint16(size), uint16(size), 1, uint16(bits)} {
				out = little.AppendUint16(out, v)
			}
			return append(out, rest...)
		}
		for _, v := range []uint32{uint32(header), uint32(size), uint32(size), 1 | uint32(bits)<<16, uint32(compression), 0, 0, 0, 0, 0} {
			out = little.AppendUint32(out, v)
		}
		return append(append(out, make([]byte, header-40)...), rest...)
	}
	masks := "\x00\xf8\x00\x00\xe0\x07\x00\x00\x1f\x00\x00\x00"
	for name, original := range map[string][]byte{
		"OS/2 24":      file(12, 1, 24, 0, "\x00\x00\xff\x00"),
		"OS/2 palette": file(12, 1, 1, 0, "\x00\x00\xff\x00\x00\x00\x00\x00\x00\x00"),
		"555":          file(40, 1, 16, 0, "\x00\x7c\x00\x00"),
		"565":          file(40, 1, 16, 3, masks+"\x00\xf8\x00\x00"),
		"RLE8":         file(40, 1, 8, 1, "\x00\x00\xff\x00"+string(make([]byte, 255*4))+"\x01\x00\x00\x01"),
		"RLE4":         file(40, 1, 4, 2, "\x00\x00\xff\x00"+string(make([]byte, 15*4))+"\x01\x00\x00\x01"),
	} {
		picture, err := renderFirst(t, original)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := at(decode(t, picture), 0, 0); got[0] < 245 || got[1] > 10 || got[2] > 10 {
			t.Errorf("%s: it is %v", name, got)
		}
	}
}
