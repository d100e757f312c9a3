package render

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"hash/crc32"
	"image"
	"image/png"
	"io"
)

// pngFile is what a picture is made of in a PNG.
type pngFile struct {
	head   []byte // the IHDR chunk's
	colour []byte // the PLTE chunk's
	data   []io.Reader
}

var errChecksum = errors.New("wrong checksum in the head")

// readPNG reads the chunks up to the end of the picture's data. As with Pillow,
// checksums count before that, and neither they nor what follows count from there on.
func readPNG(original []byte) (f pngFile, err error) {
	for rest := original[8:]; len(rest) >= 8; {
		length, id := int64(binary.BigEndian.Uint32(rest)), string(rest[4:8])
		have := min(length, int64(len(rest)-8))
		chunk, checked, after := rest[8:8+have], rest[4:8+have], rest[8+have:]
		if id == "IDAT" {
			f.data = append(f.data, bytes.NewReader(chunk))
		} else if f.data != nil {
			break
		} else if len(after) < 4 {
			return f, errCutOff
		} else if crc32.ChecksumIEEE(checked) != binary.BigEndian.Uint32(after) {
			return f, errChecksum
		}
		switch {
		case id == "IHDR" && len(chunk) >= 13:
			f.head = chunk[:13]
		case id == "PLTE":
			f.colour = chunk
		}
		rest = after[min(4, len(after)):]
	}
	if f.head == nil || f.data == nil {
		return f, errCutOff
	}
	return f, nil
}

func pngHeader(original []byte) (h header, err error) {
	f, err := readPNG(original)
	if err != nil {
		return h, err
	}
	config, err := png.DecodeConfig(f.mended(bytes.NewReader(nil)))
	return header{width: config.Width, height: config.Height, model: config.ColorModel}, err
}

// decodePNG decodes a PNG. What image/png is stricter about than Pillow it never sees:
// transparency, which is dropped anyway, checksums of chunks, rows too many, the end.
func decodePNG(ctx context.Context, original []byte, h *header) (image.Image, error) {
	f, err := readPNG(original)
	if err != nil {
		return nil, err
	}
	rows, err := zlib.NewReader(stoppable{ctx, io.MultiReader(f.data...)})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCutOff, err)
	}
	m, err := png.Decode(f.mended(io.LimitReader(rows, f.length(h.width, h.height))))
	if err != nil {
		return nil, err
	}
	// What ends with the last row has a checksum, which Pillow looks at.
	if _, err := rows.Read(make([]byte, 1)); errors.Is(err, zlib.ErrChecksum) {
		return nil, err
	}
	return m, nil
}

// length is how many bytes the rows take, with the byte before each that says how it is
// filtered, and in all passes where they are interlaced.
func (f *pngFile) length(width, height int) (n int64) {
	channels := [...]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4, 255: 0}[f.head[9]]
	passes := []struct{ x, y, stepX, stepY int }{{0, 0, 1, 1}}
	if f.head[12] != 0 {
		passes = []struct{ x, y, stepX, stepY int }{
			{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
		}
	}
	for _, p := range passes {
		w, h := (width-p.x+p.stepX-1)/p.stepX, (height-p.y+p.stepY-1)/p.stepY
		if w > 0 && h > 0 {
			n += int64(h) * (1 + (int64(w)*int64(channels)*int64(f.head[8])+7)/8)
		}
	}
	return n
}

// mended is a PNG of the rows that is beyond reproach. It is not compressed again.
func (f *pngFile) mended(rows io.Reader) io.Reader {
	m := &pngWriter{rows: rows, adler: adler32.New()}
	m.ready = append(m.ready, "\x89PNG\r\n\x1a\n"...)
	m.chunk("IHDR", f.head)
	if f.head[9] == 3 { // a palette, with a level of grey where it has no colour, as Pillow's
		colours := greys()
		n := 1 << min(8, f.head[8])
		var all []byte
		for i := range n {
			all = append(all, colours[i][:]...)
		}
		copy(all, f.colour)
		m.chunk("PLTE", all)
	}
	return m
}

// pngWriter gives out a PNG chunk by chunk.
type pngWriter struct {
	ready []byte // to be read
	rows  io.Reader
	adler interface {
		io.Writer
		Sum32() uint32
	}
	begun, ended bool
}

func (m *pngWriter) chunk(id string, data ...[]byte) {
	n := 0
	for _, d := range data {
		n += len(d)
	}
	m.ready = binary.BigEndian.AppendUint32(m.ready, uint32(n))
	at := len(m.ready)
	m.ready = append(m.ready, id...)
	for _, d := range data {
		m.ready = append(m.ready, d...)
	}
	m.ready = binary.BigEndian.AppendUint32(m.ready, crc32.ChecksumIEEE(m.ready[at:]))
}

func (m *pngWriter) Read(p []byte) (int, error) {
	if len(m.ready) == 0 {
		if m.ended || m.rows == nil {
			return 0, io.EOF
		}
		if err := m.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, m.ready)
	m.ready = m.ready[n:]
	return n, nil
}

// more makes a chunk of stored rows ready: a zlib stream needs a head, blocks with
// their length and its complement, and a checksum.
func (m *pngWriter) more() error {
	rows := make([]byte, 32<<10)
	n, err := io.ReadFull(m.rows, rows)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	rows = rows[:n]
	_, _ = m.adler.Write(rows)
	var head []byte
	if !m.begun {
		head, m.begun = []byte{0x78, 0x01}, true
	}
	final := byte(0)
	if m.ended = err != nil; m.ended {
		final = 1
	}
	head = append(head, final, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
	if !m.ended {
		m.chunk("IDAT", head, rows)
		return nil
	}
	m.chunk("IDAT", head, rows, binary.BigEndian.AppendUint32(nil, m.adler.Sum32()))
	m.chunk("IEND")
	return nil
}
