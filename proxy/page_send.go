package proxy

import (
	"log/slog"
	"math/bits"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/valyala/fasthttp"
)

// send answers with j.out, under the app's own head as far as that holds.
func (p *pages) send(ctx *fasthttp.RequestCtx, j *job, answer *appResponse) {
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
	if p.s.cfg.Server.Compress {
		vary(h)
		if name := p.encodings.compress(j, ctx.Request.Header.Peek(fasthttp.HeaderAcceptEncoding)); name != "" {
			h.Set(fasthttp.HeaderContentEncoding, name)
			body = j.packed
		}
	}
	p.rewritten(ctx, j)
	if unchanged(&ctx.Request.Header, h) {
		p.notModified(ctx, answer)
		return
	}
	answer.replace(ctx, body)
}

// removeDescriptions removes what describes the very bytes that the app sent.
func removeDescriptions(h *answerHeader) {
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
func (p *pages) notModified(ctx *fasthttp.RequestCtx, answer *appResponse) {
	p.s.metrics.pages.notModified.Inc()
	h := &answer.Header
	h.SetStatusCode(fasthttp.StatusNotModified)
	h.SetStatusMessage([]byte("Not Modified"))
	removeDescriptions(h)
	h.Del(fasthttp.HeaderContentEncoding)
	h.Del(fasthttp.HeaderContentLength)
	h.Del(fasthttp.HeaderContentType)
	p.s.cacheStatus(ctx, "fwd=bypass; detail=not_modified")
	answer.replace(ctx, nil)
}

// rewritten counts and logs a page that was rewritten.
func (p *pages) rewritten(ctx *fasthttp.RequestCtx, j *job) {
	p.s.metrics.pages.rewritten.Inc()
	p.s.cacheStatus(ctx, "fwd=bypass; detail=rewritten")
	if p.s.log.Enabled(ctx, slog.LevelDebug) {
		p.s.log.Debug("page rewritten", slog.String("uri", string(ctx.RequestURI())), slog.Int("captures", len(j.found.IDs)),
			slog.Int("warm", int(j.labels[labelWarm])), slog.Int("cold", int(j.labels[labelCold])), slog.Int("stale", int(j.labels[labelStale])),
			slog.Int("private", int(j.labels[labelPrivate])), slog.Int("missing", int(j.labels[labelMissing])), slog.Int("unresolved", int(j.labels[labelUnresolved])))
	}
}

// passed counts and logs a page that stays as the app sent it.
func (p *pages) passed(ctx *fasthttp.RequestCtx, reason passReason) {
	p.s.metrics.passed[reason].Inc()
	p.s.metrics.pages.untouched.Inc()
	if p.s.cfg.Server.DebugHeaders {
		p.s.cacheStatus(ctx, "fwd=bypass; detail="+string(reason))
	}
	if p.s.log.Enabled(ctx, slog.LevelDebug) {
		p.s.log.Debug("page passed through", slog.String("uri", string(ctx.RequestURI())), slog.String("reason", string(reason)))
	}
}
