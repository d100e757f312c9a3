package proxy

import (
	"context"
	"log/slog"
	"math/bits"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/valyala/fasthttp"
)

// send answers with j.out, under the app's own head as far as that holds.
func (p *pages) send(r *wire.Request, j *job, answer *wire.Answer) {
	h := &answer.Header
	body := j.out
	validated := len(h.Peek(fasthttp.HeaderETag)) > 0 || len(h.Peek(fasthttp.HeaderLastModified)) > 0
	removeDescriptions(h)
	h.Del(fasthttp.HeaderContentEncoding)
	if validated {
		j.tag = appendTag(j.tag[:0], h.Peek(fasthttp.HeaderETag), j.urls, body)
		h.SetBytesV(fasthttp.HeaderETag, j.tag)
	}
	if j.soonest.set {
		clampLifetime(h, j.soonest.at, time.Now())
	}
	if p.compress {
		vary(h)
		if name := p.encodings.compress(j, r.Header().Peek(fasthttp.HeaderAcceptEncoding)); name != "" {
			h.Set(fasthttp.HeaderContentEncoding, name)
			body = j.packed
		}
	}
	p.rewritten(r, j)
	if unchanged(r, h) {
		p.notModified(r, answer)
		return
	}
	answer.Replace(body)
}

// unchanged says whether an answer with this head is what the client has already.
func unchanged(r *wire.Request, h *wire.Header) bool {
	return notModified(r.Header(), h.Peek(fasthttp.HeaderETag), h.Peek(fasthttp.HeaderLastModified))
}

// removeDescriptions removes what describes the very bytes that the app sent.
func removeDescriptions(h *wire.Header) {
	for _, name := range [...]string{
		fasthttp.HeaderLastModified, "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", fasthttp.HeaderAcceptRanges,
	} {
		h.Del(name)
	}
}

// appendTag appends the weak entity tag of a rewritten body, which every replica
// gives alike. Where the app's own tag says which body was rewritten, that and the
// URLs put into it, and where, say the rest; otherwise the body itself is hashed, all of it.
func appendTag(dst, appTag []byte, urls uint64, body []byte) []byte {
	sum := mixHash(urls, appTag)
	if len(appTag) == 0 {
		sum = xxhash.Sum64(body)
	}
	dst = append(dst, `W/"t`...)
	dst = strconv.AppendUint(dst, sum, 16)
	return append(dst, '"')
}

// mixHash adds one more text to a hash of texts in their order.
func mixHash(sum uint64, text []byte) uint64 {
	return (bits.RotateLeft64(sum, 29) ^ xxhash.Sum64(text)) * 0x9e3779b97f4a7c15
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
	r.MarkCache("fwd=bypass", "not_modified")
	answer.Replace(nil)
}

// rewritten counts and logs a page that was rewritten.
func (p *pages) rewritten(r *wire.Request, j *job) {
	p.metrics.rewritten.Inc()
	r.MarkCache("fwd=bypass", "rewritten")
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.log.Debug("page rewritten", slog.String("uri", string(r.Target())), slog.Int("captures", len(j.found.IDs)),
			slog.Int("warm", int(j.labels[labelWarm])), slog.Int("cold", int(j.labels[labelCold])), slog.Int("stale", int(j.labels[labelStale])),
			slog.Int("private", int(j.labels[labelPrivate])), slog.Int("missing", int(j.labels[labelMissing])), slog.Int("unresolved", int(j.labels[labelUnresolved])))
	}
}

// passed counts and logs a page that stays as the app sent it.
func (p *pages) passed(r *wire.Request, reason passReason) {
	p.passing.mark(r, reason)
	p.metrics.untouched.Inc()
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.log.Debug("page passed through", slog.String("uri", string(r.Target())), slog.String("reason", string(reason)))
	}
}
