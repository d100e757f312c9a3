package page

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends what the contents of a JSON string stand for to dst. It
// returns false where an escape is not one of JSON's.
func unescape(dst, raw []byte) ([]byte, bool) {
	for len(raw) > 0 {
		if raw[0] != '\\' {
			dst = append(dst, raw[0])
			raw = raw[1:]
			continue
		}
		r, size := escape(raw)
		if size == 0 {
			return dst, false
		}
		raw = raw[size:]
		if utf16.IsSurrogate(r) {
			low, size := escape(raw)
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				r, raw = both, raw[size:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

// escape reads one escape at the head of raw; a surrogate is returned as it is.
// The size is 0 where there is none.
func escape(raw []byte) (r rune, size int) {
	if len(raw) < 2 || raw[0] != '\\' {
		return 0, 0
	}
	switch c := raw[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return 0, 0
	}
	if len(raw) < 6 {
		return 0, 0
	}
	for _, c := range raw[2:6] {
		digit, ok := unhex(c)
		if !ok {
			return 0, 0
		}
		r = r<<4 | rune(digit)
	}
	return r, 6
}

func unhex(c byte) (digit byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// rawLength returns how many bytes of raw stand for the first n bytes of its
// text, which are ASCII.
func rawLength(raw []byte, n int) int {
	at := 0
	for ; n > 0; n-- {
		if _, size := escape(raw[at:]); size > 0 {
			at += size
		} else {
			at++
		}
	}
	return at
}
