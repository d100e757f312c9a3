package proxy

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// redirectLife is how long a browser may keep a redirect to storage, where the
// URL lives as long.
const redirectLife = 300 * time.Second

// thumbnails answers for route URLs (DESIGN.md section 6). What it cannot answer
// goes to the app, and where that could make the app render, only
// upstream.max_fallbacks at once.
type thumbnails struct {
	s         *Server
	fallbacks chan struct{} // a place for each that is at the app
}

func newThumbnails(s *Server) (*thumbnails, error) {
	return &thumbnails{s, make(chan struct{}, s.cfg.Upstream.MaxFallbacks)}, nil
}

// wanted is what a route URL asks for.
type wanted struct {
	id       thumb.ID
	position int
	spec     thumb.Spec
	answer   thumb.Answer
}

func (w *wanted) warm() bool {
	return w.answer.Standing == thumb.Public && w.answer.Verdicts[w.position] == thumb.Warm
}

// serve answers a GET or HEAD of what is below rewrite.route.
func (t *thumbnails) serve(ctx *fasthttp.RequestCtx) {
	text := bytes.TrimSuffix(t.s.path(ctx)[len(t.s.cfg.Rewrite.Route):], []byte("/"))
	if len(text) == 0 || bytes.IndexByte(text, '/') >= 0 {
		t.pass(ctx, reasonNotEligible)
		return
	}
	label := lastLabel(ctx.QueryArgs())
	w := wanted{position: t.s.cfg.Specs.Index(label)}
	if w.position < 0 {
		t.pass(ctx, reasonLabel)
		return
	}
	w.spec = t.s.cfg.Specs[w.position]
	var ok bool
	if w.id, ok = thumb.ParseID(text); !ok {
		t.fail(ctx, &w, thumb.ErrUnknownCapture)
		return
	}
	t.resolve(ctx, &w)
}

// lastLabel returns the label of a query; of several the last, as in Django.
func lastLabel(query *fasthttp.Args) (label string) {
	for name, value := range query.All() {
		if string(name) == "label" {
			label = string(value)
		}
	}
	return label
}

// freshWait bounds the wait for a fresh read. It is longer than a page's: a page is
// as good without, but a thumbnail that the app has to answer for costs it a render.
const freshWait = 2 * time.Second

// resolve asks the warm set, and answers by what it says.
func (t *thumbnails) resolve(ctx *fasthttp.RequestCtx, w *wanted) {
	var answers [1]thumb.Answer
	_ = t.s.resolver.Resolve(t.s.ctx, []thumb.ID{w.id}, answers[:]) // an error leaves it unresolved
	w.answer = answers[0]
	if w.warm() {
		t.redirectToFile(ctx, w)
		return
	}
	wait, cancel := t.s.clientContext(ctx)
	defer cancel()
	// New captures are not notified of: that one is missing may be old news.
	if w.answer.Standing == thumb.Unresolved || w.answer.Standing == thumb.Missing {
		fresh, done := context.WithTimeout(wait, freshWait)
		answer, err := t.s.resolver.Fresh(fresh, w.id)
		done()
		switch {
		case err != nil && wait.Err() != nil:
			t.abandon(ctx, w)
			return
		case err != nil:
			t.fail(ctx, w, errors.Join(thumb.ErrDatabase, err))
			return
		}
		w.answer = answer
	}
	switch {
	case w.answer.Standing == thumb.Missing:
		t.fail(ctx, w, thumb.ErrUnknownCapture)
	case w.answer.Standing == thumb.Private:
		t.pass(ctx, reasonPrivate)
	case w.warm():
		t.redirectToFile(ctx, w)
	default:
		t.render(ctx, wait, w)
	}
}

// redirectToFile answers for a warm label.
func (t *thumbnails) redirectToFile(ctx *fasthttp.RequestCtx, w *wanted) {
	var room [512]byte
	url, expires := t.s.resolver.AppendURL(room[:0], w.id, &w.answer, w.position)
	if len(url) == 0 {
		t.pass(ctx, reasonNoURL)
		return
	}
	t.redirect(ctx, url, expires)
	t.done(ctx, w, outcomeWarm)
}

// render has the thumbnail made, and waits for it as long as the client does.
func (t *thumbnails) render(ctx *fasthttp.RequestCtx, wait context.Context, w *wanted) {
	made, err := t.s.renderer.Thumbnail(wait, w.id, w.position)
	outcome := outcomeCold
	if w.answer.Verdicts[w.position] == thumb.Stale {
		outcome = outcomeStale
	}
	switch {
	case err != nil && wait.Err() != nil:
		t.abandon(ctx, w)
	case err != nil:
		t.failOver(ctx, wait, w, err)
	case made.URL != "":
		t.redirect(ctx, []byte(made.URL), made.Expires)
		t.done(ctx, w, outcome)
	default:
		t.s.ownAnswer(ctx)
		ctx.Response.Header.Set("Cache-Control", "private, no-store")
		ctx.SetContentType("image/jpeg")
		ctx.SetBody(made.JPEG)
		t.done(ctx, w, outcomeUnkept)
	}
}

// redirect sends the client to a file in storage.
func (t *thumbnails) redirect(ctx *fasthttp.RequestCtx, url []byte, expires time.Time) {
	life := redirectLife
	if !expires.IsZero() {
		life = max(0, min(life, time.Until(expires)))
	}
	t.s.ownAnswer(ctx)
	ctx.SetStatusCode(fasthttp.StatusFound)
	ctx.Response.Header.SetBytesV("Location", url)
	ctx.Response.Header.Set("Cache-Control", "private, max-age="+strconv.Itoa(int(life/time.Second)))
}

// redirectToOriginal sends the client to the original, and says whether there is
// one that it may be sent to.
func (t *thumbnails) redirectToOriginal(ctx *fasthttp.RequestCtx, wait context.Context, w *wanted) bool {
	url, err := t.s.renderer.OriginalURL(wait, w.id)
	if err != nil {
		t.s.log.Debug("original has no address", logURI(clientOf(ctx)), logError(err))
	}
	if err != nil || url == "" {
		return false
	}
	t.s.ownAnswer(ctx)
	ctx.SetStatusCode(fasthttp.StatusFound)
	ctx.Response.Header.Set("Location", url)
	ctx.Response.Header.Set("Cache-Control", "no-store")
	return true
}

// pass hands the request to the app, which knows.
func (t *thumbnails) pass(ctx *fasthttp.RequestCtx, reason passReason) {
	t.s.cacheStatus(ctx, "fwd=bypass; detail="+string(reason))
	t.s.log.Debug("thumbnail passed to the app", logURI(clientOf(ctx)), slog.String("reason", string(reason)))
	t.s.passThrough(ctx, reason)
}

// passBounded hands the request to the app where that could make the app render.
func (t *thumbnails) passBounded(ctx *fasthttp.RequestCtx, w *wanted, reason passReason) {
	select {
	case t.fallbacks <- struct{}{}:
		defer func() { <-t.fallbacks }()
		t.pass(ctx, reason)
	default:
		t.answerFailure(ctx, 503, "Thumbnails are not available at the moment.")
		t.done(ctx, w, outcomeTooManyFallbacks)
	}
}

// ownAnswer sets what every answer of the proxy's own carries.
func (s *Server) ownAnswer(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Set("X-Content-Type-Options", "nosniff")
	s.corsHeaders(ctx)
}
