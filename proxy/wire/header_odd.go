package wire

import (
	"bufio"
	"bytes"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Some answers' heads are not as they should be, and nginx passes them all the same:
// bare line feeds, control bytes in a value, Content-Length twice, Transfer-Encoding:
// identity. They mean one thing only, so they are passed here too. fasthttp refuses them;
// it is given a copy that says the same.

// endOfHeadIn returns where a head ends, its empty line included, and 0 where it does not
// yet. Lines may end in a bare line feed.
func endOfHeadIn(buf []byte, from int) int {
	for {
		i := bytes.IndexByte(buf[from:], '\n')
		if i < 0 {
			return 0
		}
		from += i + 1
		switch rest := buf[from:]; {
		case bytes.HasPrefix(rest, []byte{'\n'}):
			return from + 1
		case bytes.HasPrefix(rest, crlf):
			return from + 2
		}
	}
}

// hasOddBytes finds control bytes, and line feeds and carriage returns by themselves.
func hasOddBytes(raw []byte) bool {
	last := byte(0)
	for _, c := range raw {
		if isOdd(c) && c != '\r' && c != '\n' || (c == '\n') != (last == '\r') {
			return true
		}
		last = c
	}
	return false
}

// readCopy reads a head from a copy without what fasthttp refuses. A NUL or a carriage
// return inside a line is refused here too: other readers could end the line there.
func (h *Header) readCopy(raw []byte) error {
	var clean []byte
	sized, dropped := false, false
	for line := range bytes.Lines(raw) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
		if bytes.IndexByte(line, 0) >= 0 || bytes.IndexByte(line, '\r') >= 0 {
			return errHeadByte
		}
		if !isFolded(line) {
			dropped = len(clean) > 0 && hasOddName(line) // no header, nor what is folded to it
		}
		if dropped {
			continue
		}
		if name, value, ok := field.Cut(line); ok {
			if isIdentity(name, value) || sized && field.Is(name, "content-length") && h.repeated {
				continue
			}
			sized = sized || field.Is(name, "content-length")
		}
		start := len(clean)
		clean = append(clean, line...)
		for i, c := range clean[start:] {
			if isOdd(c) {
				clean[start+i] = ' '
			}
		}
		clean = append(clean, crlf...)
	}
	return h.read.Read(bufio.NewReaderSize(bytes.NewReader(clean), max(len(clean), 16)))
}

// isOdd says whether a byte may stand nowhere in a line.
func isOdd(c byte) bool { return (c < ' ' || c == 0x7f) && c != '\t' }

// hasOddName says whether such a byte stands in a header's name.
func hasOddName(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte{':'})
	return bytes.ContainsFunc(name, func(r rune) bool { return r < 0x80 && isOdd(byte(r)) })
}

// isFolded says whether a line goes on with the one before.
func isFolded(line []byte) bool { return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') }

// isIdentity finds the coding that is none (RFC 2616 had it).
func isIdentity(name, value []byte) bool {
	return field.Is(name, "transfer-encoding") && foldEqual(bytes.Trim(value, ": \t\r\n"), "identity")
}

// repeatsLength takes note of a Content-Length, and says whether it says again what
// another has said.
func (h *Header) repeatsLength(name, value []byte) bool {
	if !field.Is(name, "content-length") {
		return false
	}
	value = bytes.Trim(value, ": \t\r\n")
	if h.length == nil {
		h.length = value
		return false
	}
	if !bytes.Equal(h.length, value) {
		h.repeated, h.differs = false, true
		return false
	}
	h.repeated = !h.differs
	return true
}
