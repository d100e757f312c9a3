package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/wire"
)

// passing sends requests to the app, and the app's answers to clients, untouched. What the
// app lets be kept is answered from memory. It counts why nothing better was done.
type passing struct {
	passed map[passReason]prometheus.Counter
	cache  *responses.Cache // nil: off
}

// pass answers a request that is for no other part.
func (p passing) pass(r *wire.Request, reason passReason) {
	form := formOf(r.Header())
	if p.cache == nil || reason == reasonRange || r.Upgrades() || !r.Header().IsGet() && !r.Header().IsHead() {
		p.passAlone(r, form, reason)
		return
	}
	got := p.cache.Fetch(r, form, false)
	switch {
	case got.Entry != nil:
		r.MarkCache(got.Status, "")
		sendStored(r, got.Entry)
	case got.Elsewhere:
		notStored(r)
	case got.Err != nil:
		p.mark(r, reason)
		r.Fail(got.Err)
	default:
		p.passed[reason].Inc()
		r.MarkCache(got.Status, string(got.Unkept))
		got.Answer.Pass()
	}
}

// take returns the answer to a request for a page, from memory or from the app, as the app
// wrote it; nil where the request is answered already. The entry is what the cache has or
// will have of it, nil where that is nothing.
func (p passing) take(r *wire.Request, form wire.Form) (*wire.Answer, *responses.Entry) {
	var got responses.Fetched
	if p.cache != nil {
		got = p.cache.Fetch(r, form, true)
	} else {
		got.Answer, got.Err = r.Ask(form)
		got.Status = "fwd=bypass"
	}
	r.MarkCache(got.Status, "")
	if got.Entry != nil {
		var room [32]byte
		got.Answer, got.Err = r.Recorded(got.Entry.Kept(), got.Entry.AppendAge(room[:0], time.Now()))
	}
	switch {
	case got.Elsewhere:
		notStored(r)
		return nil, nil
	case got.Err != nil:
		r.Fail(got.Err)
		return nil, nil
	}
	if got.Entry == nil {
		return got.Answer, got.Keeps
	}
	return got.Answer, got.Entry
}

// passAlone passes a request whose answer is not kept, and which may change what is.
func (p passing) passAlone(r *wire.Request, form wire.Form, reason passReason) {
	p.mark(r, reason)
	answer, err := r.Ask(form)
	if err != nil {
		r.Fail(err)
		return
	}
	p.changed(r, &answer.Header)
	answer.Pass()
}

// changed has the cache drop what a request may have changed.
func (p passing) changed(r *wire.Request, h *wire.Header) {
	if p.cache != nil {
		p.cache.Changed(r, h)
	}
}

// notStored answers a client that wants no answer but one from memory.
func notStored(r *wire.Request) {
	r.AnswerDetail(fasthttp.StatusGatewayTimeout, "Not in the cache.")
	r.Own().Header.Set(fasthttp.HeaderCacheControl, "no-store")
}

// mark counts a request whose answer is passed on.
func (p passing) mark(r *wire.Request, reason passReason) {
	p.passed[reason].Inc()
	r.MarkCache("fwd=bypass", string(reason))
}
