package wire

import (
	"bytes"
	"strconv"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// rejection is why a request is refused before anybody looks at what it asks for.
// The reason is a metric's label and comes from the constants below only.
type rejection struct {
	status int
	reason string
}

func (r *rejection) Error() string { return "request refused: " + r.reason }

var (
	rejectLine        = &rejection{400, "request_line"}
	rejectVersion     = &rejection{400, "version"}
	rejectTarget      = &rejection{400, "target"}
	rejectMethod      = &rejection{405, "method"}
	rejectSpelling    = &rejection{501, "method_spelling"}
	rejectLineEnd     = &rejection{400, "line_end"}
	rejectFold        = &rejection{400, "folded_header"}
	rejectName        = &rejection{400, "header_name"}
	rejectValue       = &rejection{400, "header_value"}
	rejectHost        = &rejection{400, "host"}
	rejectLength      = &rejection{400, "content_length"}
	rejectEncoding    = &rejection{400, "transfer_encoding"}
	rejectBoth        = &rejection{400, "length_and_encoding"}
	rejectExpectation = &rejection{417, "expectation"}
	rejectHeaderSize  = &rejection{431, "header_size"}
	rejectTargetSize  = &rejection{414, "target_size"}
	rejectBodySize    = &rejection{413, "body_size"}
	rejectChunk       = &rejection{400, "chunk"}
	rejectTimeout     = &rejection{408, "timeout"}
	rejectTLS         = &rejection{400, "tls"}  // the connection is closed without an answer
	rejectLoop        = &rejection{508, "loop"} // upstream.url leads back here
	rejectUpgrades    = &rejection{503, "upgrades"}
	rejectProxyHead   = &rejection{400, "proxy_protocol"} // likewise

	rejections = []*rejection{
		rejectLine, rejectVersion, rejectTarget, rejectMethod, rejectSpelling, rejectLineEnd, rejectFold, rejectName,
		rejectValue, rejectHost, rejectLength, rejectEncoding, rejectBoth, rejectExpectation,
		rejectHeaderSize, rejectTargetSize, rejectBodySize, rejectChunk, rejectTimeout, rejectTLS, rejectLoop, rejectUpgrades, rejectProxyHead,
	}
)

// head is what the framing of a request's raw head says. Its slices are the raw
// head's.
type head struct {
	target     []byte // origin form, or "*"
	host       []byte
	length     int64 // of the body; -1: no Content-Length
	http10     bool
	chunked    bool
	expect     bool // 100-continue
	close      bool // Connection: close
	keepAlive  bool // Connection: keep-alive
	named      bool // Connection names further headers
	upgrade    []byte
	connection bool // Connection: upgrade
	hosts      int
	encodings  int
}

// checkHead reads the framing of a raw head, its closing empty line included, and
// refuses whatever two servers might read differently. fasthttp, which parses the
// head after this, refuses control bytes in the target and in values.
func checkHead(raw []byte) (h head, err error) {
	h.length = -1
	line, rest, ok := field.CutLine(raw)
	if !ok {
		return h, rejectLineEnd
	}
	scheme, authority, err := h.requestLine(line)
	if err != nil {
		return h, err
	}
	for {
		if line, rest, ok = field.CutLine(rest); !ok {
			return h, rejectLineEnd
		}
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			return h, rejectFold
		}
		name, value, found := field.Cut(line)
		if !found || !field.IsToken(name) {
			return h, rejectName
		}
		if err := h.field(name, value); err != nil {
			return h, err
		}
	}
	switch {
	case h.chunked && h.length >= 0:
		return h, rejectBoth
	case h.chunked && h.http10:
		return h, rejectEncoding
	case h.hosts > 1, h.hosts == 0 && !h.http10:
		return h, rejectHost
	case authority != nil && !bytes.EqualFold(withoutPort(authority, scheme), withoutPort(h.host, scheme)):
		return h, rejectHost
	}
	return h, nil
}

// field takes note of a header that has to do with framing. An underscore counts
// as a dash: the app may well read both as one name (WSGI does), so a name that is
// spelled with it is refused.
func (h *head) field(name, value []byte) error {
	var known string
	switch len(name) {
	case len("host"):
		known = "host"
	case len("expect"):
		known = "expect"
	case len("upgrade"):
		known = "upgrade"
	case len("connection"):
		known = "connection"
	case len("content-length"):
		known = "content-length"
	case len("transfer-encoding"):
		known = "transfer-encoding"
	}
	if known == "" || !field.Is(name, known) {
		return nil
	}
	if bytes.IndexByte(name, '_') >= 0 {
		return rejectName
	}
	switch known {
	case "host":
		h.hosts++
		h.host = value
		if !field.IsHost(value) {
			return rejectHost
		}
	case "expect":
		if !bytes.EqualFold(value, []byte("100-continue")) {
			return rejectExpectation
		}
		h.expect = true
	case "upgrade":
		h.upgrade = value
	case "connection":
		h.connectionTokens(value)
	case "content-length":
		if h.length >= 0 || !field.IsDigits(value) {
			return rejectLength
		}
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return rejectLength
		}
		h.length = n
	case "transfer-encoding":
		if h.encodings++; h.encodings > 1 || !bytes.EqualFold(value, []byte("chunked")) {
			return rejectEncoding
		}
		h.chunked = true
	}
	return nil
}

func (h *head) connectionTokens(value []byte) {
	for token := range field.Tokens(value) {
		switch {
		case bytes.EqualFold(token, []byte("close")):
			h.close = true
		case bytes.EqualFold(token, []byte("keep-alive")):
			h.keepAlive = true
		case bytes.EqualFold(token, []byte("upgrade")):
			h.connection = true
		default:
			h.named = true
		}
	}
}
