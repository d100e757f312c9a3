package proxy

import (
	"bytes"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// cutAccepted returns the client's Accept-Encoding with only the codings that pages are
// decoded from. It returns nil where nothing has to be cut.
func (p *pages) cutAccepted(lines [][]byte) []byte {
	whole := true
	for _, line := range lines {
		for token := range field.Tokens(line) {
			whole = whole && p.decodes(token)
		}
	}
	if whole {
		return nil
	}
	var kept [][]byte
	for _, line := range lines {
		for token := range field.Tokens(line) {
			if p.decodes(token) {
				kept = append(kept, token)
			}
		}
	}
	if len(kept) == 0 {
		return []byte("identity")
	}
	return bytes.Join(kept, []byte(", "))
}

// decodes says whether a member of Accept-Encoding names a coding that pages are decoded
// from, or none in particular.
func (p *pages) decodes(token []byte) bool {
	name, _, _ := bytes.Cut(token, []byte{';'})
	name = bytes.TrimRight(name, " \t")
	return p.codingOf(name) != nil || field.Is(name, "identity") || string(name) == "*"
}

// minPacked is the size, in bytes, from which compressing pays where the app did not
// compress.
const minPacked = 1 << 10

// liked returns the coding that an Accept-Encoding likes best; nil where it likes none
// of those that are offered. Deflate is not offered: clients read it in two ways.
func (p *pages) liked(accepted []byte) *coding {
	var best *coding
	quality := 0.0
	for _, c := range p.codings {
		if q := encodingQuality(accepted, c.name); q > quality && c.name != "deflate" {
			best, quality = c, q
		}
	}
	return best
}

func encodingQuality(accepted []byte, name string) float64 {
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

// vary says that the answer depends on Accept-Encoding.
func vary(h *wire.Header) {
	for _, line := range h.PeekAll(fasthttp.HeaderVary) {
		for token := range field.Tokens(line) {
			if field.Is(token, "accept-encoding") || string(token) == "*" {
				return
			}
		}
	}
	h.Add(fasthttp.HeaderVary, "Accept-Encoding")
}
