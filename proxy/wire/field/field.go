// Package field reads header fields: lines, names, lists. The wire uses it for what it
// frames and forwards, and package proxy for what it answers by.
package field

import (
	"bytes"
	"iter"
)

// CutLine cuts the first line off raw. The line must end in CRLF and hold no
// other CR or LF.
func CutLine(raw []byte) (line, rest []byte, ok bool) {
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

// Cut splits a header line at its colon and trims the value.
func Cut(line []byte) (name, value []byte, ok bool) {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return nil, nil, false
	}
	return line[:colon], bytes.Trim(line[colon+1:], " \t"), true
}

// Tokens yields the members of a comma-separated list, trimmed, empty ones left
// out.
func Tokens(list []byte) iter.Seq[[]byte] {
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

// Is says whether name is the header called lower, in any case, and with
// underscores for dashes.
func Is(name []byte, lower string) bool {
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

// IsToken says whether b is a token, as names and methods are.
func IsToken(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

// IsHost says whether b can be a host, with its port where it has one.
func IsHost(b []byte) bool {
	for _, c := range b {
		if !hostBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

// IsDigits says whether b is a number without a sign.
func IsDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// HasControl says whether a control byte other than a tab is in b.
func HasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}
