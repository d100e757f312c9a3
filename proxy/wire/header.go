package wire

import (
	"bufio"
	"bytes"
	"errors"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

var (
	crlf = []byte("\r\n")

	errHeadEnd  = errors.New("head could be read as ending elsewhere")
	errHeadByte = errors.New("head holds a NUL or a bare carriage return")
)

// Header is the header of the app's answer. fasthttp reads it and answers
// questions, in which names are written as fasthttp.Header* has them; the client is
// sent the lines as they came, in the app's spelling and order. Edits change both.
type Header struct {
	read    fasthttp.ResponseHeader
	lines   []byte // without the hop-by-hop ones; each ends in CRLF
	lengths uint64 // bit n: a line whose name has n bytes may be there; 63: or more
	named   bool   // Connection may name others

	length            []byte // of the first Content-Length, while the head is read
	repeated, differs bool   // further ones say the same, or something else
	identity          bool   // Transfer-Encoding: identity
}

// readFrom reads a head off br.
func (h *Header) readFrom(br *bufio.Reader) error {
	raw, err := peekHead(br)
	if err != nil {
		return err
	}
	odd := hasOddBytes(raw)
	h.keep(raw, odd) // first: where it joins a folded line fasthttp writes over it
	if h.repeated || h.identity || odd {
		err := h.readCopy(raw)
		h.length = nil
		_, _ = br.Discard(len(raw))
		return err
	}
	h.length = nil
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
		if end := endOfHeadIn(buf, searched); end > 0 {
			return buf[:end], nil
		}
		searched = max(len(buf)-3, 0) // the end may have come in part
		if _, err := br.Peek(len(buf) + 1); err != nil {
			return nil, err
		}
	}
}

// keep keeps the lines that go on to the client; odd says whether there are bytes in them
// that may stand nowhere.
func (h *Header) keep(raw []byte, odd bool) {
	h.lines, h.lengths, h.named = h.lines[:0], 0, false
	h.length, h.repeated, h.differs, h.identity = nil, false, false, false
	raw = bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte{'\n'}), []byte{'\r'})
	raw = raw[bytes.IndexByte(raw, '\n')+1:]
	for kept := false; len(raw) > 0; {
		end := bytes.IndexByte(raw, '\n') + 1
		line := raw[:end]
		raw = raw[end:]
		colon := bytes.IndexByte(line, ':')
		if colon < 1 || end < 2 || line[0] <= ' ' || line[end-2] != '\r' || bytes.IndexByte(line[:colon], ' ') > 0 || odd && hasOddName(line) {
			kept = h.keepOdd(bytes.TrimRight(line, "\r\n"), kept)
			continue
		}
		if kept = !h.isHopByHop(line[:colon], line[colon:end-2]); kept {
			h.lengths |= lengthBit(colon)
			h.lines = append(h.lines, line...)
		}
	}
}

// keepOdd keeps a line that could be read in two ways, so that it cannot: a folded
// one is joined to the one before, if that was kept, and space before a colon goes
// (RFC 9112 sections 5.1 and 5.2). It says whether the line was kept.
func (h *Header) keepOdd(line []byte, joined bool) bool {
	if isFolded(line) {
		if joined {
			h.lines = append(bytes.TrimRight(h.lines, " \t\r\n"), ' ')
			h.lines = append(append(h.lines, bytes.Trim(line, " \t")...), crlf...)
		}
		return joined
	}
	name, value, _ := field.Cut(line)
	name = bytes.TrimRight(name, " ")
	if !field.IsToken(name) || h.isHopByHop(name, value) {
		return false
	}
	h.appendLine(string(name), value)
	return true
}

// isHopByHop says whether a header is one between the app and the proxy only, or says what
// was said, and takes note of a Connection that names others.
func (h *Header) isHopByHop(name, value []byte) bool {
	if !hopByHop.Of(name) {
		return h.repeatsLength(name, value)
	}
	h.identity = h.identity || isIdentity(name, value)
	h.named = h.named || foldEqual(name, "connection") && !foldEqual(value, ": keep-alive")
	return true
}

var hopByHop = field.NewSet(field.HopByHop[:]...)

func foldEqual(name []byte, other string) bool { return bytes.EqualFold(name, []byte(other)) }

func lengthBit(n int) uint64 { return 1 << min(n, 63) }

// What follows is as fasthttp.ResponseHeader has it.

func (h *Header) StatusCode() int              { return h.read.StatusCode() }
func (h *Header) SetStatusCode(code int)       { h.read.SetStatusCode(code) }
func (h *Header) SetStatusMessage(why []byte)  { h.read.SetStatusMessage(why) }
func (h *Header) ContentType() []byte          { return h.read.ContentType() }
func (h *Header) Peek(name string) []byte      { return h.read.Peek(name) }
func (h *Header) PeekAll(name string) [][]byte { return h.read.PeekAll(name) }

// Del removes every line of a name. What is no line for the client, as Connection and
// Upgrade, can still be asked for.
func (h *Header) Del(name string) {
	if h.removeFrom(0, name) {
		h.read.Del(name)
	}
}

// Set gives a header one value, in its first line's place or else at the end.
func (h *Header) Set(name, value string) { h.SetBytesV(name, []byte(value)) }

// SetBytesV is Set.
func (h *Header) SetBytesV(name string, value []byte) {
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
func (h *Header) Add(name, value string) {
	h.read.Add(name, value)
	h.appendLine(name, []byte(value))
}

func (h *Header) appendLine(name string, value []byte) {
	h.lengths |= lengthBit(len(name))
	h.lines = append(append(append(append(h.lines, name...), ": "...), value...), crlf...)
}

// find returns where the first line of a name is, from that place on; start is
// negative where there is none.
func (h *Header) find(from int, name string) (start, end int) {
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

// edit changes the values of a name's lines for the client. Those who ask go on to be told
// what the app said.
func (h *Header) edit(name string, change func(value []byte) []byte) {
	for from := 0; ; {
		start, end := h.find(from, name)
		if start < 0 {
			return
		}
		start += len(name) + 1
		value := bytes.Trim(h.lines[start:end-len(crlf)], " \t")
		if changed := change(value); !bytes.Equal(changed, value) {
			h.lines = slices.Replace(h.lines, start, end-len(crlf), slices.Concat([]byte{' '}, changed)...)
			end = start + 1 + len(changed) + len(crlf)
		}
		from = end
	}
}

// removeFrom removes the lines of a name from that place on, and says whether there
// was one.
func (h *Header) removeFrom(from int, name string) (found bool) {
	for {
		start, end := h.find(from, name)
		if start < 0 {
			return found
		}
		h.lines = append(h.lines[:start], h.lines[end:]...)
		from, found = start, true
	}
}
