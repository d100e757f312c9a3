package wire

import (
	"bytes"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

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

// note keeps what one header says of the request's way here. Several headers of
// one name are joined where they are lists.
func (f *facts) note(use headerUse, name, value []byte) {
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
		if use := headerUses.Of(name); use != useCopy {
			f.note(use, name, value)
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
