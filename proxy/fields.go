package proxy

import (
	"bytes"
	"iter"
)

// cutLine takes the first line off raw. The line must end in CRLF and hold no
// other CR or LF.
func cutLine(raw []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(raw, '\n')
	if end < 1 || raw[end-1] != '\r' {
		return nil, raw, false
	}
	line = raw[:end-1]
	if bytes.IndexByte(line, '\r') >= 0 {
		return nil, raw, false
	}
	return line, raw[end+1:], true
}

// cutField splits a header line at its colon and trims the value.
func cutField(line []byte) (name, value []byte, ok bool) {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return nil, nil, false
	}
	return line[:colon], bytes.Trim(line[colon+1:], " \t"), true
}

// tokens yields the members of a comma-separated list, trimmed, empty ones left
// out.
func tokens(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(list) > 0 {
			var token []byte
			token, list, _ = bytes.Cut(list, []byte{','})
			token = bytes.Trim(token, " \t")
			if len(token) > 0 && !yield(token) {
				return
			}
		}
	}
}

// isName says whether name is the header called lower, in any case, and with
// underscores for dashes.
func isName(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '_':
			c = '-'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// tokenBytes are those of a token, RFC 9110 section 5.6.2.
var tokenBytes = byteSet("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

// hostBytes are those of a host and port, RFC 3986 section 3.2.
var hostBytes = byteSet("!$%&'()*+,-.:;=[]_~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

func byteSet(members string) (set [256]bool) {
	for i := range len(members) {
		set[members[i]] = true
	}
	return set
}

func isToken(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

func isHost(b []byte) bool {
	for _, c := range b {
		if !hostBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
