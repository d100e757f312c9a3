package wire

import (
	"bytes"
	"slices"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// facts of a request that more than one part asks for, read off its headers once.
type facts struct {
	forwardedFor   []byte // as sent
	forwardedProto []byte
	scheme         string // "http" or "https", as another header has it; "": none does
	unclear        bool   // gunicorn reads that header otherwise: to say more would contradict it
	forwardedHost  []byte
	forwarded      []byte
	requestID      []byte // the client's, or the one made up for it
	returnsID      bool   // the client gave it, and gets it back
	traceparent    []byte // empty, not nil: there are several, and none counts (W3C Trace Context)
	tracestate     []byte
	claims         bool // an X-Forwarded-* that is read here, or Forwarded, was sent
	further        bool // another claim was sent
	loops          bool // CDN-Loop has our id: the request has been here
	read           bool
}

// note keeps what one header says of the request's way here. Several headers of
// one name are joined where they are lists.
func (f *facts) note(use headerUse, name, value []byte) {
	if hasUnderscore(name) {
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
	case useScheme:
		if scheme := schemeOf(value); scheme != "" {
			f.scheme = scheme
			f.unclear = f.unclear || scheme == "https" && !gunicornAgrees(name, value)
		}
	case useClaim:
		f.further = true
		return
	case useID:
		f.requestID, f.returnsID = value, len(value) > 0 && len(value) <= longestID
		return
	case useTrace:
		if f.traceparent != nil {
			value = value[:0]
		}
		f.traceparent = value
		return
	case useState:
		f.tracestate = joinList(f.tracestate, value)
		return
	default:
		return
	}
	f.claims = true
}

// readFacts returns the request's facts, read off its header by the first who asks.
func (r *Request) readFacts() *facts {
	f := &r.facts
	if f.read {
		return f
	}
	f.read = true
	for raw := r.Header().RawHeaders(); len(raw) > 2; {
		var line []byte
		line, raw, _ = field.CutLine(raw)
		name, value, _ := field.Cut(line)
		switch use := useOf(name); use {
		case useCopy:
		case useLoop:
			f.loops = f.loops || hasCDN(value, r.client.s.loopID)
		default:
			f.note(use, name, value)
		}
	}
	if f.scheme == "" && f.forwarded != nil {
		f.scheme = schemeOfForwarded(f.forwarded)
	}
	return f
}

// schemeOf reads what headers beside X-Forwarded-Proto have for a scheme.
func schemeOf(value []byte) string {
	switch {
	case bytes.EqualFold(value, []byte("https")), bytes.EqualFold(value, []byte("ssl")), bytes.EqualFold(value, []byte("on")):
		return "https"
	case bytes.EqualFold(value, []byte("http")), bytes.EqualFold(value, []byte("off")):
		return "http"
	}
	return ""
}

// gunicornAgrees says whether gunicorn, too, takes a header that says https for one that
// does. To two of them it is http in any other spelling, and two headers that contradict
// each other are a 400.
func gunicornAgrees(name, value []byte) bool {
	switch {
	case field.Is(name, "x-forwarded-ssl"):
		return string(value) == "on"
	case field.Is(name, "x-forwarded-protocol"):
		return string(value) == "ssl"
	}
	return true
}

// schemeOfForwarded reads the scheme of Forwarded (RFC 7239): the last one given, which
// is the peer's own word.
func schemeOfForwarded(list []byte) (scheme string) {
	for element := range field.Tokens(list) {
		for pair := range bytes.SplitSeq(element, []byte{';'}) {
			name, value, _ := bytes.Cut(pair, []byte{'='})
			if field.Is(bytes.Trim(name, " \t"), "proto") {
				scheme = schemeOf(bytes.Trim(value, "\" \t"))
			}
		}
	}
	return scheme
}

// hasCDN says whether a CDN-Loop (RFC 8586) names a CDN.
func hasCDN(list []byte, id string) bool {
	for token := range field.Tokens(list) {
		name, _, _ := bytes.Cut(token, []byte{';'})
		if string(bytes.TrimRight(name, " \t")) == id {
			return true
		}
	}
	return false
}

// joinList returns a list with one more value behind it. The first one's memory is not
// written to, and what is added grows as a slice does: a header may be of nothing else.
func joinList(list, value []byte) []byte {
	if list == nil {
		return slices.Clip(value)
	}
	return append(append(list, ", "...), value...)
}
