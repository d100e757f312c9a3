package proxy

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
)

// headerUse says what becomes of a request header on its way to the app.
type headerUse uint8

const (
	useCopy  headerUse = iota
	useDrop            // hop-by-hop, or written anew
	useHost            // see appHost
	useFor             // X-Forwarded-For
	useProto           // X-Forwarded-Proto
	useFHost           // X-Forwarded-Host
	useForwarded
	useClaim // further claims about the client, which only trusted peers may make
	useID    // X-Request-Id
	useTrailer
	usePage // says what the client can decode, or has already
)

// requestForm says how a request is put to the app.
type requestForm uint8

const (
	asSent requestForm = iota
	// asPage leaves out what the answer would depend on although the client gets
	// another body: the codings it accepts, and validators. The app's do not
	// describe a rewritten page.
	asPage
)

// headerUses has every header that is not simply copied. Lengths come first so
// that nearly every header is recognised by its length alone.
var headerUses = func() (byLength [32][]knownHeader) {
	for name, use := range map[string]headerUse{
		"host": useHost, "connection": useDrop, "keep-alive": useDrop, "proxy-connection": useDrop,
		"proxy-authenticate": useDrop, "proxy-authorization": useDrop, "te": useDrop, "upgrade": useDrop,
		"http2-settings": useDrop, "content-length": useDrop, "transfer-encoding": useDrop, "expect": useDrop,
		"trailer": useTrailer, "x-request-id": useID, "forwarded": useForwarded, "x-forwarded-for": useFor,
		"x-forwarded-proto": useProto, "x-forwarded-host": useFHost, "x-forwarded-port": useClaim,
		"x-forwarded-prefix": useClaim, "x-forwarded-server": useClaim, "x-forwarded-ssl": useClaim,
		"x-forwarded-scheme": useClaim, "x-real-ip": useClaim, "accept-encoding": usePage,
		"if-none-match": usePage, "if-modified-since": usePage, "if-range": usePage,
	} {
		byLength[len(name)] = append(byLength[len(name)], knownHeader{name, use})
	}
	return byLength
}()

type knownHeader struct {
	name string
	use  headerUse
}

func useOf(name []byte) headerUse {
	if len(name) < len(headerUses) {
		for _, known := range headerUses[len(name)] {
			if isName(name, known.name) {
				return known.use
			}
		}
	}
	return useCopy
}

// allowedInTrailer says whether a field may stand behind a body: none that
// framing, routing or the client's identity depend on.
func allowedInTrailer(name []byte) bool {
	return useOf(name) == useCopy && !isName(name, "authorization") && !isName(name, "cookie") &&
		!isName(name, "set-cookie") && !isName(name, "content-type") && !isName(name, "content-encoding") &&
		!isName(name, "content-range")
}

// facts of a request that more than one part asks for, read off its headers once.
type facts struct {
	forwardedFor   []byte // as sent
	forwardedProto []byte
	forwardedHost  []byte
	forwarded      []byte
	requestID      []byte
	claims         bool // any X-Forwarded-* or Forwarded was sent
	read           bool
}

// take keeps what one header says of the request's way here. Several headers of
// one name are joined where they are lists.
func (f *facts) take(use headerUse, name, value []byte) {
	if bytes.IndexByte(name, '_') >= 0 {
		return
	}
	switch use {
	case useFor:
		f.forwardedFor = joinList(f.forwardedFor, value)
	case useProto:
		f.forwardedProto = value
	case useFHost:
		f.forwardedHost = value
	case useForwarded:
		f.forwarded = joinList(f.forwarded, value)
	case useID:
		f.requestID = value
		return
	default:
		return
	}
	f.claims = true
}

// readFacts fills c.req.facts, where nobody has yet.
func (c *client) readFacts() *facts {
	f := &c.req.facts
	if f.read {
		return f
	}
	f.read = true
	for raw := c.ctx.Request.Header.RawHeaders(); len(raw) > 2; {
		var line []byte
		line, raw, _ = cutLine(raw)
		name, value, _ := cutField(line)
		if use := useOf(name); use != useCopy {
			f.take(use, name, value)
		}
	}
	return f
}

func joinList(list, value []byte) []byte {
	if list == nil {
		return value
	}
	return append(append(append(make([]byte, 0, len(list)+len(value)+2), list...), ", "...), value...)
}

// appendHead appends the head that the app is sent: the client's lines as they
// came, in their order, but for what is hop-by-hop and what the proxy answers for.
// A page is asked for whole and plain.
func (c *client) appendHead(dst []byte, form requestForm) []byte {
	header, f := &c.ctx.Request.Header, c.readFacts()
	dst = append(dst, header.Method()...)
	dst = append(dst, ' ')
	dst = append(dst, c.req.target...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(append(dst, c.appHost()...), "\r\n"...)
	for raw := header.RawHeaders(); len(raw) > 2; {
		var line []byte
		line, raw, _ = cutLine(raw)
		name, _, _ := cutField(line)
		switch use := useOf(name); use {
		case useCopy, usePage:
			if use == usePage && form == asPage || c.req.named && c.connectionNames(name) {
				continue
			}
		case useClaim:
			if !c.trusted || bytes.IndexByte(name, '_') >= 0 {
				continue
			}
		case useTrailer:
			if c.req.body.kind != bodyChunked {
				continue
			}
		default:
			continue
		}
		dst = append(append(dst, line...), "\r\n"...)
	}
	if form == asPage {
		dst = append(dst, "Accept-Encoding: identity\r\n"...)
	}
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
	dst = append(dst, "\r\nX-Forwarded-Proto: "...)
	dst = append(dst, c.forwardedProto()...)
	dst = append(dst, "\r\nX-Forwarded-Host: "...)
	if host := c.forwardedHost(); host != nil {
		dst = append(dst, host...)
	} else {
		dst = append(dst, c.req.host...)
	}
	if f.forwarded != nil {
		dst = append(dst, "\r\nForwarded: "...)
		if c.trusted && len(f.forwarded) > 0 {
			dst = append(append(dst, f.forwarded...), ", "...)
		}
		dst = c.appendForwarded(dst)
	}
	dst = append(dst, "\r\nX-Request-Id: "...)
	return append(append(dst, c.requestID()...), "\r\n"...)
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
	return append(append(dst, ";proto="...), "http"...)
}

// appendFraming writes the framing headers of the body as it will be sent, and
// what asks for an upgrade.
func (c *client) appendFraming(dst []byte) []byte {
	switch {
	case c.req.body.kind == bodyChunked:
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

// connectionNames says whether the Connection header named a header as one
// between the client and the proxy only.
func (c *client) connectionNames(name []byte) bool {
	for raw := c.ctx.Request.Header.RawHeaders(); len(raw) > 2; {
		var line []byte
		line, raw, _ = cutLine(raw)
		field, value, _ := cutField(line)
		if !isName(field, "connection") {
			continue
		}
		for token := range tokens(value) {
			if bytes.EqualFold(token, name) {
				return true
			}
		}
	}
	return false
}

// requestID is the client's X-Request-Id, or one made up.
func (c *client) requestID() []byte {
	f := c.readFacts()
	if len(f.requestID) == 0 || len(f.requestID) > 200 {
		var random [16]byte
		for i := range 2 {
			n := rand.Uint64()
			for j := range 8 {
				random[i*8+j] = byte(n >> (8 * j))
			}
		}
		c.ownID = hex.AppendEncode(c.ownID[:0], random[:])
		f.requestID = c.ownID
	}
	return f.requestID
}
