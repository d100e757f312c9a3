package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"slices"

	"github.com/valyala/fasthttp"
)

var (
	crlf      = []byte("\r\n")
	endOfHead = []byte("\r\n\r\n")

	errHeadEnd = errors.New("head could be read as ending elsewhere")
)

// answerHeader is the header of the app's answer. fasthttp reads it and answers
// questions, in which names are written as fasthttp.Header* has them; the client is
// sent the lines as they came, in the app's spelling and order. Edits change both.
type answerHeader struct {
	read    fasthttp.ResponseHeader
	lines   []byte // without the hop-by-hop ones; each ends in CRLF
	lengths uint64 // bit n: a line whose name has n bytes may be there; 63: or more
}

// readFrom reads a head off br.
func (h *answerHeader) readFrom(br *bufio.Reader) error {
	raw, err := peekHead(br)
	if err != nil {
		return err
	}
	h.take(raw) // first: where it joins a folded line fasthttp writes over it
	size, buffered := len(raw), br.Buffered()
	if err := h.read.Read(br); err != nil {
		return err
	}
	if buffered-br.Buffered() != size {
		return errHeadEnd
	}
	return nil
}

// peekHead waits for a whole head and returns it, which stays in br.
func peekHead(br *bufio.Reader) ([]byte, error) {
	for searched := 0; ; {
		buf, _ := br.Peek(br.Buffered())
		for bytes.HasPrefix(buf, crlf) {
			_, _ = br.Discard(len(crlf))
			buf, searched = buf[len(crlf):], 0
		}
		if end := bytes.Index(buf[searched:], endOfHead); end >= 0 {
			return buf[:searched+end+len(endOfHead)], nil
		}
		searched = max(len(buf)-len(endOfHead)+1, 0)
		if _, err := br.Peek(len(buf) + 1); err != nil {
			return nil, err
		}
	}
}

// take keeps the lines that go on to the client. A folded one becomes one line, and
// space before a colon goes (RFC 9112 sections 5.1 and 5.2).
func (h *answerHeader) take(raw []byte) {
	h.lines, h.lengths = h.lines[:0], 0
	raw = raw[bytes.IndexByte(raw, '\n')+1:]
	for kept := false; len(raw) > len(crlf); {
		end := bytes.IndexByte(raw, '\n')
		line := bytes.TrimSuffix(raw[:end], crlf[:1])
		raw = raw[end+1:]
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			if kept {
				h.lines = append(h.lines[:len(h.lines)-len(crlf)], ' ')
				h.lines = append(append(h.lines, bytes.Trim(line, " \t")...), crlf...)
			}
			continue
		}
		colon := max(bytes.IndexByte(line, ':'), 0)
		name := bytes.TrimRight(line[:colon], " ")
		if kept = len(name) > 0 && bytes.IndexByte(name, ' ') < 0 && !isHopByHop(name); kept {
			h.lengths |= lengthBit(len(name))
			h.lines = append(append(append(h.lines, name...), line[colon:]...), crlf...)
		}
	}
}

// isHopByHop says whether a header of an answer is one between the app and the
// proxy only.
func isHopByHop(name []byte) bool {
	switch len(name) {
	case len("te"):
		return foldEqual(name, "te")
	case len("upgrade"):
		return foldEqual(name, "upgrade")
	case len("connection"):
		return foldEqual(name, "connection") || foldEqual(name, "keep-alive")
	case len("proxy-connection"):
		return foldEqual(name, "proxy-connection")
	case len("transfer-encoding"):
		return foldEqual(name, "transfer-encoding")
	case len("proxy-authenticate"):
		return foldEqual(name, "proxy-authenticate")
	}
	return false
}

func foldEqual(name []byte, other string) bool { return bytes.EqualFold(name, []byte(other)) }

func lengthBit(n int) uint64 { return 1 << min(n, 63) }

// What follows is as fasthttp.ResponseHeader has it.

func (h *answerHeader) StatusCode() int              { return h.read.StatusCode() }
func (h *answerHeader) SetStatusCode(code int)       { h.read.SetStatusCode(code) }
func (h *answerHeader) SetStatusMessage(why []byte)  { h.read.SetStatusMessage(why) }
func (h *answerHeader) ContentType() []byte          { return h.read.ContentType() }
func (h *answerHeader) Peek(name string) []byte      { return h.read.Peek(name) }
func (h *answerHeader) PeekAll(name string) [][]byte { return h.read.PeekAll(name) }

// Del removes every line of a name.
func (h *answerHeader) Del(name string) {
	if h.removeFrom(0, name) {
		h.read.Del(name)
	}
}

// Set gives a header one value, in its first line's place or else at the end.
func (h *answerHeader) Set(name, value string) { h.SetBytesV(name, []byte(value)) }

// SetBytesV is Set.
func (h *answerHeader) SetBytesV(name string, value []byte) {
	h.read.SetBytesV(name, value)
	start, end := h.find(0, name)
	if start < 0 {
		h.appendLine(name, value)
		return
	}
	for start += len(name) + 1; h.lines[start] == ' ' || h.lines[start] == '\t'; start++ {
	}
	h.lines = slices.Replace(h.lines, start, end-len(crlf), value...)
	h.removeFrom(start+len(value)+len(crlf), name)
}

// Add adds a line at the end.
func (h *answerHeader) Add(name, value string) {
	h.read.Add(name, value)
	h.appendLine(name, []byte(value))
}

func (h *answerHeader) appendLine(name string, value []byte) {
	h.lengths |= lengthBit(len(name))
	h.lines = append(append(append(append(h.lines, name...), ": "...), value...), crlf...)
}

// find returns where the first line of a name is, from that place on; start is
// negative where there is none.
func (h *answerHeader) find(from int, name string) (start, end int) {
	if h.lengths&lengthBit(len(name)) == 0 {
		return -1, -1
	}
	for start = from; start < len(h.lines); start = end {
		end = start + bytes.IndexByte(h.lines[start:], '\n') + 1
		line := h.lines[start:end]
		if len(line) > len(name) && line[len(name)] == ':' && foldEqual(line[:len(name)], name) {
			return start, end
		}
	}
	return -1, -1
}

// removeFrom removes the lines of a name from that place on, and says whether there
// was one.
func (h *answerHeader) removeFrom(from int, name string) (found bool) {
	for {
		start, end := h.find(from, name)
		if start < 0 {
			return found
		}
		h.lines = append(h.lines[:start], h.lines[end:]...)
		from, found = start, true
	}
}
