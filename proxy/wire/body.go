package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// bodyKind says what ends a body.
type bodyKind uint8

const (
	bodyNone       bodyKind = iota
	bodySized               // Content-Length
	bodyChunked             // Transfer-Encoding: chunked
	bodyUntilClose          // the connection
)

const (
	maxChunkLine = 1 << 10 // bytes of a chunk's size and extension, or of a trailer's line
	maxTrailer   = 8 << 10 // bytes of a trailer section
)

// errChunk: chunked framing that is broken. What came before it must not be taken
// for a whole body.
var errChunk = errors.New("chunked body is broken")

// body takes the framing off a request's or an answer's body.
type body struct {
	br      *bufio.Reader
	kind    bodyKind
	left    int64 // bodySized: of the body; bodyChunked: of the chunk in hand
	inChunk bool  // a chunk's data was begun, so that a CRLF follows it
	ending  bool  // the last chunk was seen; the trailer follows
	done    bool  // read to its end
	trailer []byte
	dashes  bool // names with underscores are left out of the trailer
}

func (b *body) reset(br *bufio.Reader, kind bodyKind, length int64) {
	*b = body{br: br, kind: kind, left: length, trailer: b.trailer[:0]}
	b.done = kind == bodyNone || kind == bodySized && length == 0
}

// Read returns io.EOF after the last byte, and io.ErrUnexpectedEOF when the
// connection ends before that.
func (b *body) Read(p []byte) (int, error) {
	most, err := b.ready()
	if err != nil {
		return 0, err
	}
	if int64(len(p)) > most {
		p = p[:most]
	}
	n, err := b.br.Read(p)
	return n, b.took(n, err)
}

// peek returns what Read would, in place: it is valid until the next call on the
// body. It blocks only while nothing is there.
func (b *body) peek() ([]byte, error) {
	most, err := b.ready()
	if err != nil {
		return nil, err
	}
	if b.br.Buffered() == 0 {
		if _, err := b.br.Peek(1); err != nil {
			return nil, b.took(0, err)
		}
	}
	p, _ := b.br.Peek(b.br.Buffered())
	return p[:min(int64(len(p)), most)], nil
}

// skip goes past n bytes that peek returned.
func (b *body) skip(n int) {
	_, _ = b.br.Discard(n)
	_ = b.took(n, nil)
}

// more says whether a Read would return data without waiting for any.
func (b *body) more() bool {
	p, _ := b.br.Peek(b.br.Buffered())
	if b.done || b.kind != bodyChunked || b.left > 0 {
		return !b.done && len(p) > 0
	}
	if b.inChunk {
		p = p[min(2, len(p)):]
	}
	end := bytes.IndexByte(p, '\n')
	return end >= 0 && end+1 < len(p) && p[0] != '0'
}

// ready reads framing up to the next byte of the body, and says how many may
// follow without any.
func (b *body) ready() (most int64, err error) {
	if b.done {
		return 0, io.EOF
	}
	switch b.kind {
	case bodyUntilClose:
		return 1 << 62, nil
	case bodyChunked:
		for b.left == 0 {
			if err := b.nextChunk(); err != nil {
				return 0, err
			}
		}
	}
	return b.left, nil
}

func (b *body) took(n int, err error) error {
	if b.kind == bodyUntilClose {
		b.done = err == io.EOF
		return err
	}
	b.left -= int64(n)
	if b.kind == bodySized && b.left == 0 {
		b.done = true
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// nextChunk reads the size of the next chunk; after the last one the trailer, and
// returns io.EOF. Extensions are dropped.
func (b *body) nextChunk() error {
	if b.ending {
		return b.readTrailer()
	}
	if b.inChunk {
		line, err := b.line(2)
		if err != nil {
			return err
		}
		if len(line) != 0 {
			return errChunk
		}
		b.inChunk = false
	}
	line, err := b.line(maxChunkLine)
	if err != nil {
		return err
	}
	size, err := chunkSize(line)
	if err != nil {
		return err
	}
	if size == 0 {
		b.ending = true
		return b.readTrailer()
	}
	b.left, b.inChunk = size, true
	return nil
}

// line reads a line of framing that is at most limit bytes long, its CRLF included.
// It may be asked for again after an error that passes, such as a timeout.
func (b *body) line(limit int) ([]byte, error) {
	for n := 1; ; n = b.br.Buffered() + 1 {
		if n > limit {
			return nil, errChunk
		}
		_, err := b.br.Peek(n)
		p, _ := b.br.Peek(b.br.Buffered())
		if end := bytes.IndexByte(p[:min(len(p), limit)], '\n'); end >= 0 {
			line, _, ok := field.CutLine(p[:end+1])
			if !ok {
				return nil, errChunk
			}
			_, _ = b.br.Discard(end + 1)
			return line, nil
		}
		switch err {
		case nil:
		case io.EOF:
			return nil, io.ErrUnexpectedEOF
		case bufio.ErrBufferFull:
			return nil, errChunk
		default:
			return nil, err
		}
	}
}

// chunkSize reads "1a2b" or "1a2b;name=value".
func chunkSize(line []byte) (int64, error) {
	extension := bytes.TrimLeft(line, "0123456789abcdefABCDEF")
	digits := line[:len(line)-len(extension)]
	size, err := strconv.ParseInt(string(digits), 16, 64)
	extension = bytes.TrimLeft(extension, " \t")
	if err != nil || len(digits) > 15 || len(extension) > 0 && extension[0] != ';' || field.HasControl(extension) {
		return 0, errChunk
	}
	return size, nil
}

// readTrailer keeps the lines of the trailer section that may stand there.
func (b *body) readTrailer() error {
	for {
		line, err := b.line(maxChunkLine)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			b.done = true
			return io.EOF
		}
		name, value, ok := field.Cut(line)
		if !ok || !field.IsToken(name) || field.HasControl(value) {
			return errChunk
		}
		if len(b.trailer) > maxTrailer {
			return errChunk
		}
		if allowedInTrailer(name) && !(b.dashes && hasUnderscore(name)) {
			b.trailer = append(append(b.trailer, line...), "\r\n"...)
		}
	}
}
