package wire

import (
	"bytes"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// requestLine reads the first line. Of an absolute target it keeps the origin
// form, which is what servers other than proxies are sent (RFC 9112 section 3.2),
// and returns its scheme and authority.
func (h *head) requestLine(line []byte) (scheme, authority []byte, err error) {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok || !field.IsToken(method) {
		return nil, nil, rejectLine
	}
	target, version, ok := bytes.Cut(rest, []byte{' '})
	if !ok || len(target) == 0 {
		return nil, nil, rejectLine
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.http10 = true
	default:
		return nil, nil, rejectVersion
	}
	h.target = target
	switch {
	case string(method) == "CONNECT":
		return nil, nil, rejectMethod
	case misspelled(method):
		return nil, nil, rejectSpelling
	case !isTarget(target):
		return nil, nil, rejectTarget
	case target[0] == '/', string(target) == "*" && string(method) == "OPTIONS":
		return nil, nil, nil
	}
	scheme, after, ok := bytes.Cut(target, []byte("://"))
	if !ok || !bytes.EqualFold(scheme, []byte("http")) && !bytes.EqualFold(scheme, []byte("https")) {
		return nil, nil, rejectTarget
	}
	end := bytes.IndexAny(after, "/?")
	if end < 0 {
		h.target = []byte{'/'}
		return scheme, after, nil
	}
	if after[end] != '/' {
		return nil, nil, rejectTarget
	}
	h.target = after[end:]
	return scheme, after[:end], nil
}

// withoutPort leaves out a port that the scheme has anyway.
func withoutPort(authority, scheme []byte) []byte {
	if bytes.EqualFold(scheme, []byte("https")) {
		return bytes.TrimSuffix(authority, []byte(":443"))
	}
	return bytes.TrimSuffix(authority, []byte(":80"))
}

// methods are those that apps know. Names of methods are case-sensitive (RFC 9110
// section 9.1), but some apps take "get" for GET.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

func misspelled(method []byte) bool {
	for _, known := range methods {
		if len(method) == len(known) && string(method) != known && bytes.EqualFold(method, []byte(known)) {
			return true
		}
	}
	return false
}

// isTarget says whether a target holds nothing that may not stand in one. Apps drop what
// follows a "#", or the white space around it.
func isTarget(target []byte) bool {
	for _, c := range target {
		if c <= ' ' || c == 0x7f || c == '#' {
			return false
		}
	}
	return true
}
