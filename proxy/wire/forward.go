package wire

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strconv"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Form says how a request is put to the app where not as the client sent it. The zero
// Form is as it was sent.
type Form struct {
	Without *field.Set // headers that are left out; nil: none
	Lines   []byte     // that are added; each ends in CRLF
}

// appendHead appends the head that the app is sent: the client's lines as they
// came, in their order, but for what is hop-by-hop, what the proxy answers for, and
// what the form has otherwise.
func (c *client) appendHead(dst []byte, form Form) []byte {
	header, f := &c.header, c.req.readFacts()
	dst = append(dst, header.Method()...)
	dst = append(dst, ' ')
	if c.req.target[0] == '/' { // not "*", the app itself
		dst = append(dst, c.s.pool.prefix...)
	}
	dst = append(dst, c.req.target...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(append(dst, c.req.AppHost()...), "\r\n"...)
	for raw := header.RawHeaders(); len(raw) > 2; {
		var line []byte
		line, raw, _ = field.CutLine(raw)
		name, _, _ := field.Cut(line)
		use := useOf(name)
		if hasUnderscore(name) && (use != useCopy || !c.now.Upstream.AllowUnderscores) {
			c.s.metrics.headersDropped.Inc()
			continue
		}
		switch use {
		case useLoop:
		case useCopy, useTrace, useState:
			if use != useCopy && c.req.traced != nil {
				continue // see appendForwarding
			}
			if form.Without != nil && form.Without.Of(name) || c.req.named && c.connectionNames(name) {
				continue
			}
		case useClaim, useScheme:
			if !c.trusted {
				continue
			}
		case useTrailer:
			if !c.req.chunkedToApp() {
				continue
			}
		default:
			continue
		}
		dst = append(append(dst, line...), "\r\n"...)
	}
	dst = append(dst, form.Lines...)
	dst = c.appendForwarding(dst, f)
	dst = c.appendFraming(dst)
	return append(dst, "\r\n"...)
}

// appendForwarding says where the request came from. A trusted peer's word is
// carried on and added to; anybody else's is replaced.
func (c *client) appendForwarding(dst []byte, f *facts) []byte {
	dst = append(dst, "X-Forwarded-For: "...)
	if c.trusted && len(f.forwardedFor) > 0 {
		dst = append(append(dst, f.forwardedFor...), ", "...)
	}
	dst = append(dst, c.peer...)
	if !c.trusted || !f.unclear || len(f.forwardedProto) > 0 {
		dst = append(append(dst, "\r\nX-Forwarded-Proto: "...), c.req.forwardedProto()...)
	}
	host := c.req.ForwardedHost()
	if host == nil {
		host = c.req.host
	}
	if len(host) > 0 { // HTTP/1.0 has none
		dst = append(append(dst, "\r\nX-Forwarded-Host: "...), host...)
	}
	if f.forwarded != nil {
		dst = append(dst, "\r\nForwarded: "...)
		if c.trusted && len(f.forwarded) > 0 {
			dst = append(append(dst, f.forwarded...), ", "...)
		}
		dst = c.appendForwarded(dst)
	}
	dst = append(append(dst, "\r\nCDN-Loop: "...), c.s.loopID...)
	dst = append(dst, "\r\nX-Request-Id: "...)
	dst = append(append(dst, c.requestID()...), "\r\n"...)
	if c.req.asking != nil {
		dst = c.s.tracer.AppendHeaders(c.req.asking, dst)
	}
	return dst
}

// appendForwarded appends one element of Forwarded (RFC 7239).
func (c *client) appendForwarded(dst []byte) []byte {
	if bytes.IndexByte(c.peer, ':') >= 0 {
		dst = append(append(append(dst, `for="[`...), c.peer...), `]"`...)
	} else {
		dst = append(append(dst, "for="...), c.peer...)
	}
	if len(c.req.host) > 0 {
		dst = append(append(append(dst, `;host="`...), c.req.host...), '"')
	}
	// An app that looks at the last element is not to think that the client came by http
	// where the peer says https.
	return append(append(dst, ";proto="...), c.req.forwardedProto()...)
}

// appendFraming writes the framing headers of the body as it will be sent, and
// what asks for an upgrade.
func (c *client) appendFraming(dst []byte) []byte {
	switch {
	case c.req.chunkedToApp():
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case c.req.length >= 0:
		dst = append(dst, "Content-Length: "...)
		dst = append(strconv.AppendInt(dst, c.req.length, 10), "\r\n"...)
	}
	if c.req.upgrade != nil {
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: "...)
		dst = append(append(dst, c.req.upgrade...), "\r\n"...)
	}
	return dst
}

// chunkedToApp says whether the app gets a chunked body.
func (r *Request) chunkedToApp() bool { return r.body.kind == bodyChunked && r.streamed }

// connectionNames says whether the Connection header named a header as one
// between the client and the proxy only.
func (c *client) connectionNames(wanted []byte) bool {
	for raw := c.header.RawHeaders(); len(raw) > 2; {
		var line []byte
		line, raw, _ = field.CutLine(raw)
		name, value, _ := field.Cut(line)
		if !field.Is(name, "connection") {
			continue
		}
		for token := range field.Tokens(value) {
			if bytes.EqualFold(token, wanted) {
				return true
			}
		}
	}
	return false
}

const longestID = 200 // bytes of an X-Request-Id that is believed

// requestID is the client's X-Request-Id, or one made up.
func (c *client) requestID() []byte {
	f := c.req.readFacts()
	if len(f.requestID) == 0 || len(f.requestID) > longestID {
		var random [16]byte
		for i := range 2 {
			n := rand.Uint64()
			for j := range 8 {
				random[i*8+j] = byte(n >> (8 * j))
			}
		}
		hex.Encode(c.madeID[:], random[:])
		f.requestID = c.madeID[:]
	}
	return f.requestID
}
