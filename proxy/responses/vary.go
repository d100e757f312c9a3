package responses

import (
	"bytes"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// The codings that thumbedge decodes, in the order in which a selector names them.
const (
	codingBrotli uint8 = 1 << iota
	codingDeflate
	codingGzip
	codingZstd
	codingAny    // "*"
	codingPlain  // identity is refused
	codingAbsent // nothing was said
)

// codingOf returns the coding of that name; 0: none that is known here.
func codingOf(name []byte) uint8 {
	switch {
	case is(name, "br"):
		return codingBrotli
	case is(name, "deflate"):
		return codingDeflate
	case is(name, "gzip"), is(name, "x-gzip"):
		return codingGzip
	case is(name, "zstd"):
		return codingZstd
	}
	return 0
}

// acceptedBy returns the codings that a request accepts, as far as they are known here.
func acceptedBy(raw []byte) uint8 {
	set := codingAbsent
	for name, value := range lines(raw) {
		if !field.Is(name, "accept-encoding") {
			continue
		}
		set &^= codingAbsent
		for token := range field.Tokens(value) {
			coding, params, _ := bytes.Cut(token, []byte{';'})
			coding = bytes.TrimRight(coding, " \t")
			refused := isZero(params)
			switch {
			case string(coding) == "*" && !refused:
				set |= codingAny
			case is(coding, "identity") && refused, string(coding) == "*":
				set |= codingPlain
			case !refused:
				set |= codingOf(coding)
			}
		}
	}
	return set
}

// isZero says whether a weight is zero: "q=0", "q=0.000".
func isZero(params []byte) bool {
	value, ok := bytes.CutPrefix(bytes.ToLower(bytes.TrimLeft(params, " \t")), []byte("q="))
	return ok && len(value) > 0 && len(bytes.Trim(value, "0. \t")) == 0
}

// appendSelector appends the value of the request header that Vary names, so that two
// requests which the app must answer alike have the same (RFC 9111 section 4.1): lines are
// joined, Accept-Encoding is cut to what is decoded here, in a fixed order, and case and
// spaces of Accept-Language do not count. A header that is absent differs from an empty one.
// alike: the request is an anonymous one, whose cookies count as none.
func appendSelector(dst []byte, name string, raw []byte, alike bool) []byte {
	if name == "accept-encoding" {
		return append(dst, 'e', acceptedBy(raw))
	}
	if alike && name == "cookie" {
		return dst // none was sent on
	}
	language := name == "accept-language"
	start := len(dst)
	for key, value := range lines(raw) {
		if !field.Is(key, name) {
			continue
		}
		if len(dst) == start {
			dst = append(dst, '=')
		} else {
			dst = append(dst, ", "...)
		}
		if !language {
			dst = append(dst, value...)
			continue
		}
		for token := range field.Tokens(value) {
			for _, c := range token {
				if 'A' <= c && c <= 'Z' {
					c += 'a' - 'A'
				}
				if c != ' ' && c != '\t' {
					dst = append(dst, c)
				}
			}
			dst = append(dst, ',')
		}
	}
	return dst
}

// selectors are the names that an answer varies by, and the values of the request that it
// was for.
type selectors struct {
	names  []string
	values []string
}

func selectorsOf(a *answer, raw []byte, alike bool) selectors {
	var s selectors
	for _, name := range a.vary {
		lower := bytes.ToLower(name)
		s.names = append(s.names, string(lower))
	}
	if (alike || a.allows) && !a.variesBy("origin") { // lest one that echoes it says nothing of that
		s.names = append(s.names, "origin")
	}
	for _, name := range s.names {
		s.values = append(s.values, string(appendSelector(nil, name, raw, alike)))
	}
	return s
}

// varied are the names without the one that the app does not name, but a cache minds.
func (s *selectors) varied(a *answer) []string {
	if n := len(s.names) - 1; n == len(a.vary) && s.names[n] == "origin" {
		return s.names[:n]
	}
	return s.names
}

// match says whether a request selects the answer.
func (s *selectors) match(raw []byte, scratch []byte, alike bool) bool {
	for i, name := range s.names {
		scratch = appendSelector(scratch[:0], name, raw, alike)
		if string(scratch) != s.values[i] {
			return false
		}
	}
	return true
}
