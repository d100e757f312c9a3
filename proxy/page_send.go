package proxy

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/condition"
	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// send answers with what the page became, under the app's own head as far as that holds. It
// returns false, and has changed nothing, where there is no memory to encode it. The entry is
// the page's in the response cache, if it has one.
func (p *pages) send(r *wire.Request, j *job, answer *wire.Answer, entry *responses.Entry) bool {
	h := &answer.Header
	appTag := h.Peek(fasthttp.HeaderETag)
	j.tag = j.tag[:0]
	if len(appTag) > 0 || len(h.Peek(fasthttp.HeaderLastModified)) > 0 {
		j.tag = appendTag(j.tag, appTag, j.decided, j.sum)
	}
	has := condition.NotModified(r.Header(), j.tag, nil)
	body := j.out
	switch {
	case has:
	case j.finished != nil:
		body = j.finished.body
	case j.coding != nil:
		if !j.encode() {
			return false
		}
		body = j.packed
	}
	if !has {
		p.finish(j, j.kept, entry, body)
	}
	j.leave()
	p.rewritten(r, j)
	p.describe(h, j)
	if has {
		p.notModified(r, answer)
	} else {
		answer.Replace(body)
	}
	return true
}

// describe makes the app's header describe what the client gets.
func (p *pages) describe(h *wire.Header, j *job) {
	removeDescriptions(h)
	if len(j.tag) > 0 {
		h.SetBytesV(fasthttp.HeaderETag, j.tag)
	}
	if j.filled > 0 {
		p.filling.filled.Add(float64(j.filled))
		p.filling.describe(h)
	}
	if j.soonest.set {
		clampLifetime(h, j.soonest.at, time.Now())
	}
	if p.compress {
		addVary(h, "Accept-Encoding")
	}
	if j.coding == nil {
		h.Del(fasthttp.HeaderContentEncoding)
	} else {
		h.Set(fasthttp.HeaderContentEncoding, j.coding.Name)
	}
}

// unchanged says whether an answer with this head is what the client has already.
func unchanged(r *wire.Request, h *wire.Header) bool {
	return condition.NotModified(r.Header(), h.Peek(fasthttp.HeaderETag), h.Peek(fasthttp.HeaderLastModified))
}

// removeDescriptions removes what describes the very bytes that the app sent.
func removeDescriptions(h *wire.Header) {
	for _, name := range [...]string{
		fasthttp.HeaderLastModified, "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", fasthttp.HeaderAcceptRanges,
	} {
		h.Del(name)
	}
}

// notModified answers 304 in place of an answer that the client has.
func (p *pages) notModified(r *wire.Request, answer *wire.Answer) {
	p.metrics.notModified.Inc()
	h := &answer.Header
	h.SetStatusCode(fasthttp.StatusNotModified)
	h.SetStatusMessage([]byte("Not Modified"))
	removeDescriptions(h)
	h.Del(fasthttp.HeaderContentEncoding)
	h.Del(fasthttp.HeaderContentLength)
	h.Del(fasthttp.HeaderContentType)
	r.MarkDetail("not_modified")
	answer.Replace(nil)
}

// rewritten counts and logs a page that was rewritten.
func (p *pages) rewritten(r *wire.Request, j *job) {
	p.metrics.rewritten.Inc()
	r.MarkDetail("rewritten")
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.log.Debug("page rewritten", slog.String("uri", string(r.Target())), slog.Int("captures", j.captures()),
			slog.Int("warm", int(j.labels[labelWarm])), slog.Int("cold", int(j.labels[labelCold])), slog.Int("stale", int(j.labels[labelStale])),
			slog.Int("private", int(j.labels[labelPrivate])), slog.Int("missing", int(j.labels[labelMissing])), slog.Int("unresolved", int(j.labels[labelUnresolved])))
	}
}

// passed counts and logs a page that stays as the app sent it.
func (p *pages) passed(r *wire.Request, reason passReason) {
	p.passing.passed[reason].Inc()
	r.MarkDetail(string(reason))
	p.metrics.untouched.Inc()
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.log.Debug("page passed through", slog.String("uri", string(r.Target())), slog.String("reason", string(reason)))
	}
}

// addVary says that the answer depends on a header of the request.
func addVary(h *wire.Header, name string) {
	for _, line := range h.PeekAll(fasthttp.HeaderVary) {
		for token := range field.Tokens(line) {
			if field.Is(token, strings.ToLower(name)) || string(token) == "*" {
				return
			}
		}
	}
	h.Add(fasthttp.HeaderVary, name)
}
