package page

import "bytes"

// authority is host[:port], as a URL or a Host header has it.
type authority struct {
	host []byte
	port []byte // "" where there is none
}

func splitAuthority(text []byte) authority {
	colon := bytes.LastIndexByte(text, ':')
	if colon < 0 || bytes.IndexByte(text[colon:], ']') >= 0 { // [2001:db8::1]
		return authority{host: text}
	}
	return authority{host: text[:colon], port: text[colon+1:]}
}

// same says whether a, of a URL with that scheme, and b are the same place.
// Without a port the scheme's default is meant, and both where it is unknown.
func (a authority) same(b authority, scheme string) bool {
	if !bytes.EqualFold(a.host, b.host) {
		return false
	}
	return bytes.Equal(a.port, b.port) || isDefault(a.port, scheme) && isDefault(b.port, scheme)
}

func isDefault(port []byte, scheme string) bool {
	switch string(port) {
	case "":
		return true
	case "80":
		return scheme != "https"
	case "443":
		return scheme != "http"
	}
	return false
}

// splitOrigin returns how many bytes at the head of a URL are its scheme and
// authority (0 for one that has neither), the authority, and the scheme, "" where
// the URL leaves it open.
func splitOrigin(text []byte) (length int, host []byte, scheme string) {
	start := 0
	switch {
	case hasPrefixFold(text, "http://"):
		scheme, start = "http", 7
	case hasPrefixFold(text, "https://"):
		scheme, start = "https", 8
	case bytes.HasPrefix(text, []byte("//")):
		start = 2
	default:
		return 0, nil, ""
	}
	slash := bytes.IndexByte(text[start:], '/')
	if slash < 0 {
		slash = len(text) - start
	}
	return start + slash, text[start : start+slash], scheme
}

func hasPrefixFold(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && bytes.EqualFold(text[:len(prefix)], []byte(prefix))
}
