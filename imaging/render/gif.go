package render

import (
	"compress/lzw"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// gifFile is the first frame of a GIF. image/gif reads no more than the standard
// allows, and takes the colour from a transparent pixel; Pillow does neither.
type gifFile struct {
	frame       image.Rectangle
	palette     palette
	transparent int // index; -1: none
	interlaced  bool
	codes       int    // bits of the shortest code
	data        []byte // sub-blocks
}

// palette has a colour for every index. Where a file gives none it is a level of grey,
// as with Pillow.
type palette [256][3]byte

func greys() (p palette) {
	for i := range p {
		p[i] = [3]byte{byte(i), byte(i), byte(i)}
	}
	return p
}

func gifHeader(original []byte) (h header, err error) {
	_, h.width, h.height, err = readGIF(original)
	return h, err
}

// readGIF reads up to the first frame's data. A frame that is larger than the screen
// makes the screen larger, and bytes that begin no block are skipped.
func readGIF(original []byte) (f gifFile, width, height int, err error) {
	if len(original) < 13 {
		return f, 0, 0, errCutOff
	}
	width, height = int(binary.LittleEndian.Uint16(original[6:])), int(binary.LittleEndian.Uint16(original[8:]))
	f = gifFile{transparent: -1, palette: greys()}
	rest := f.palette.read(original[13:], original[10])
	for len(rest) > 0 {
		switch block := rest[0]; block {
		case ';':
			return f, 0, 0, errors.New("no frame in it")
		case '!':
			rest = f.extension(rest)
		case ',':
			if len(rest) < 10 {
				return f, 0, 0, errCutOff
			}
			at := image.Pt(int(binary.LittleEndian.Uint16(rest[1:])), int(binary.LittleEndian.Uint16(rest[3:])))
			size := image.Pt(int(binary.LittleEndian.Uint16(rest[5:])), int(binary.LittleEndian.Uint16(rest[7:])))
			f.frame = image.Rectangle{Min: at, Max: at.Add(size)}
			f.interlaced = rest[9]&0x40 != 0
			rest = f.palette.read(rest[10:], rest[9])
			if len(rest) < 1 {
				return f, 0, 0, errCutOff
			}
			f.codes, f.data = int(rest[0]), rest[1:]
			return f, max(width, f.frame.Max.X), max(height, f.frame.Max.Y), nil
		default:
			rest = rest[1:]
		}
	}
	return f, 0, 0, errCutOff
}

// read takes the colours that flags announce, and returns what follows them.
func (p *palette) read(data []byte, flags byte) (rest []byte) {
	if flags&0x80 == 0 {
		return data
	}
	*p = greys()
	n := min(2<<(flags&7), len(data)/3)
	for i := range n {
		p[i] = [3]byte(data[3*i:])
	}
	return data[3*n:]
}

// extension takes which colour is transparent, and returns what follows.
func (f *gifFile) extension(data []byte) (rest []byte) {
	if len(data) > 6 && data[1] == 0xf9 && data[2] >= 4 && data[3]&1 != 0 {
		f.transparent = int(data[6])
	}
	blocks := subBlocks{data[min(2, len(data)):]}
	for blocks.next() != nil {
	}
	return blocks.rest
}

// subBlocks are the pieces that the data of a GIF comes in.
type subBlocks struct{ rest []byte }

// next returns the next piece; nil: there is none.
func (b *subBlocks) next() []byte {
	if len(b.rest) == 0 {
		return nil
	}
	n := min(int(b.rest[0]), len(b.rest)-1)
	piece := b.rest[1:][:n]
	b.rest = b.rest[1+n:]
	if n == 0 {
		return nil
	}
	return piece
}

// subBlockReader reads the pieces as one.
type subBlockReader struct {
	ctx    context.Context
	blocks subBlocks
	piece  []byte
}

func (r *subBlockReader) ReadByte() (byte, error) {
	if len(r.piece) == 0 {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if r.piece = r.blocks.next(); r.piece == nil {
			return 0, io.ErrUnexpectedEOF
		}
	}
	b := r.piece[0]
	r.piece = r.piece[1:]
	return b, nil
}

// Read is what io.Reader asks for; compress/lzw reads bytes.
func (r *subBlockReader) Read(p []byte) (n int, err error) {
	for ; n < len(p) && err == nil; n++ {
		p[n], err = r.ReadByte()
	}
	return n, err
}

// decodeGIF draws the first frame. What it does not cover has the transparent colour,
// or the first.
func decodeGIF(ctx context.Context, original []byte, h *header) (image.Image, error) {
	f, _, _, err := readGIF(original)
	if err != nil {
		return nil, err
	}
	if f.codes < 2 || f.codes > 8 {
		return nil, fmt.Errorf("%w: codes of %d bits", thumb.ErrOriginalForApp, f.codes)
	}
	m := image.NewNRGBA(image.Rect(0, 0, h.width, h.height))
	if f.frame != m.Rect {
		around := f.palette[max(0, f.transparent)]
		for i := 0; i < len(m.Pix); i += 4 {
			copy(m.Pix[i:], around[:])
		}
	}
	reader := lzw.NewReader(&subBlockReader{ctx: ctx, blocks: subBlocks{f.data}}, lzw.LSB, f.codes)
	defer reader.Close()
	row := make([]byte, f.frame.Dx())
	for i := range f.frame.Dy() {
		if _, err := io.ReadFull(reader, row); err != nil {
			return nil, fmt.Errorf("%w: %w", errCutOff, err)
		}
		pix := m.Pix[m.PixOffset(f.frame.Min.X, f.frame.Min.Y+f.rowAt(i)):]
		for x, index := range row {
			copy(pix[4*x:], f.palette[index][:])
		}
	}
	return m, nil
}

// rowAt is where the row belongs that comes i-th.
func (f *gifFile) rowAt(i int) int {
	if !f.interlaced {
		return i
	}
	for _, pass := range [...]struct{ first, step int }{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		rows := (f.frame.Dy() - pass.first + pass.step - 1) / pass.step
		if i < rows {
			return pass.first + i*pass.step
		}
		i -= max(0, rows)
	}
	return 0
}
