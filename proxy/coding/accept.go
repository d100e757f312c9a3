package coding

import (
	"bytes"
	"strconv"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Cut returns an Accept-Encoding, given by its lines, with only the codings of the set.
// It returns nil where nothing has to be cut.
func (s Set) Cut(lines [][]byte) []byte {
	whole := true
	for _, line := range lines {
		for token := range field.Tokens(line) {
			whole = whole && s.names(token)
		}
	}
	if whole {
		return nil
	}
	var kept [][]byte
	for _, line := range lines {
		for token := range field.Tokens(line) {
			if s.names(token) {
				kept = append(kept, token)
			}
		}
	}
	if len(kept) == 0 {
		return []byte("identity")
	}
	return bytes.Join(kept, []byte(", "))
}

// names says whether a member of Accept-Encoding names a coding of the set, or none in
// particular.
func (s Set) names(token []byte) bool {
	name, _, _ := bytes.Cut(token, []byte{';'})
	name = bytes.TrimRight(name, " \t")
	return s.Of(name) != nil || field.Is(name, "identity") || string(name) == "*"
}

// Liked returns the coding that an Accept-Encoding likes best; nil where it likes none
// of those that are offered. Deflate is not offered: clients read it in two ways.
func (s Set) Liked(accepted []byte) *Coding {
	var best *Coding
	most := 0.0
	for _, c := range s {
		if q := quality(accepted, c.Name); q > most && c.Name != "deflate" {
			best, most = c, q
		}
	}
	return best
}

func quality(accepted []byte, name string) float64 {
	any := 0.0
	for token := range field.Tokens(accepted) {
		coding, params, _ := bytes.Cut(token, []byte(";"))
		coding = bytes.TrimRight(coding, " \t")
		q := 1.0
		if value, ok := bytes.CutPrefix(bytes.ToLower(bytes.TrimSpace(params)), []byte("q=")); ok {
			parsed, err := strconv.ParseFloat(string(value), 64)
			if err != nil || parsed < 0 || parsed > 1 {
				parsed = 0
			}
			q = parsed
		}
		switch {
		case field.Is(coding, name):
			return q
		case string(coding) == "*":
			any = q
		}
	}
	return any
}
