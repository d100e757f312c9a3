package proxy

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// redirectLife is how long a browser may keep a redirect to storage, where the
// URL lives as long.
const redirectLife = 300 * time.Second

// thumbnails answers for route URLs. What it cannot answer
// goes to the app, and where that could make the app render, only
// upstream.max_fallbacks at once.
type thumbnails struct {
	resolver  Resolver
	renderer  thumbnailRenderer
	specs     thumb.Specs
	fallbacks *fallbacks
	wait      time.Duration // for a place among them
	passing   passing
	outcomes  map[thumbnailOutcome]prometheus.Counter
	signed    *signed // nil: no signature is one
	limits    limits
	log       *slog.Logger
}

// thumbnailRenderer is what answering for thumbnails takes of a Renderer.
type thumbnailRenderer interface {
	Thumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int) (Thumbnail, error)
	PrivateThumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int, project int64) (Thumbnail, error)
	OriginalURL(ctx context.Context, id thumb.ID) (string, error)
	AppFailed(id thumb.ID, position int, refused bool)
}

func newThumbnails(cfg Config, deps Deps, lasting *lasting, passing passing, limits limits) *thumbnails {
	return &thumbnails{
		resolver: deps.Resolver, renderer: deps.Renderer, specs: cfg.Specs, passing: passing,
		fallbacks: lasting.fallbacks, wait: cfg.FallbackWait, outcomes: deps.Metrics.thumbnails,
		signed: newSigned(deps), limits: limits, log: deps.Log,
	}
}

// wanted is what a route URL asks for.
type wanted struct {
	id       thumb.ID
	position int
	spec     thumb.Spec
	known    thumb.Known
	sig      *signing.Signature // nil: the request brought none
}

func (w *wanted) warm() bool {
	return w.known.Standing == thumb.Public && w.known.Verdicts[w.position] == thumb.Warm
}

// serve answers a GET or HEAD of one segment below rewrite.route.
func (t *thumbnails) serve(r *wire.Request, below []byte, sig *signing.Signature) {
	label := lastLabel(r.Query())
	w := wanted{position: t.specs.Index(label), sig: sig}
	if w.position < 0 && t.signed.undecided(&w) { // another replica may have the label
		t.answerUnavailable(r, &w)
		return
	}
	if w.position < 0 {
		t.passBounded(r, &w, reasonLabel) // which the app may have nevertheless
		return
	}
	w.spec = t.specs[w.position]
	var ok bool
	if w.id, ok = thumb.ParseID(bytes.TrimSuffix(below, []byte("/"))); !ok {
		t.fail(r, &w, thumb.ErrUnknownCapture)
		return
	}
	t.resolve(r, &w)
}

// lastLabel returns the label of a query; of several the last, as in Django.
func lastLabel(raw []byte) (label string) {
	query := fasthttp.AcquireArgs()
	defer fasthttp.ReleaseArgs(query)
	query.ParseBytes(raw)
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
func (t *thumbnails) resolve(r *wire.Request, w *wanted) {
	var known [1]thumb.Known
	_ = t.resolver.Resolve(r.Traced(), []thumb.ID{w.id}, known[:]) // an error leaves it unresolved
	w.known = known[0]
	if w.warm() {
		t.redirectToFile(r, w)
		return
	}
	wait, cancel := r.Context()
	defer cancel()
	// New captures are not notified of: that one is missing may be old news.
	if w.known.Standing == thumb.Unresolved || w.known.Standing == thumb.Missing {
		fresh, done := context.WithTimeout(wait, freshWait)
		known, err := t.resolver.Fresh(fresh, w.id)
		done()
		switch {
		case err != nil && wait.Err() != nil:
			t.abandon(r, w)
			return
		case err != nil && t.signed.undecided(w):
			t.answerUnavailable(r, w)
			return
		case err != nil:
			t.fail(r, w, err)
			return
		}
		w.known = known
	}
	switch {
	case t.signed.undecided(w) && !t.signed.ready():
		t.answerUnavailable(r, w)
	case t.signed.allows(w):
		t.servePrivate(r, wait, w)
	case w.known.Standing == thumb.Missing:
		t.fail(r, w, thumb.ErrUnknownCapture)
	case w.known.Standing == thumb.Private, w.known.Standing == thumb.Draft:
		t.passBounded(r, w, reasonPrivate) // its route makes the app render, too
	case w.warm():
		t.redirectToFile(r, w)
	default:
		t.render(r, wait, w)
	}
}

// redirectToFile answers for a warm label.
func (t *thumbnails) redirectToFile(r *wire.Request, w *wanted) {
	var room [512]byte
	url, expires := t.resolver.AppendURL(room[:0], w.id, &w.known, w.position)
	if len(url) == 0 {
		t.pass(r, reasonNoURL)
		return
	}
	t.redirect(r, url, expires)
	t.done(r, w, outcomeWarm)
}

// render has the thumbnail made, and waits for it as long as the client does.
func (t *thumbnails) render(r *wire.Request, wait context.Context, w *wanted) {
	if !t.admitRender(r, w) {
		return
	}
	made, err := t.renderer.Thumbnail(wait, thumb.Client(r.ClientKey()), w.id, w.position)
	outcome := outcomeCold
	if w.known.Verdicts[w.position] == thumb.Stale {
		outcome = outcomeStale
	}
	switch {
	case err != nil && wait.Err() != nil:
		t.abandon(r, w)
	case err != nil:
		t.failOver(r, wait, w, err)
	case made.URL != "":
		t.redirect(r, []byte(made.URL), made.Expires)
		t.done(r, w, outcome)
	default:
		own := r.Own()
		own.Header.Set("Cache-Control", "private, no-store")
		own.Header.SetContentType("image/jpeg")
		own.SetBody(made.JPEG)
		t.done(r, w, outcomeUnkept)
	}
}

// redirect sends the client to a file in storage.
func (t *thumbnails) redirect(r *wire.Request, url []byte, expires time.Time) {
	life := redirectLife
	if !expires.IsZero() {
		life = max(0, min(life, time.Until(expires)))
	}
	own := r.Own()
	own.SetStatusCode(fasthttp.StatusFound)
	own.Header.SetBytesV("Location", url)
	own.Header.Set("Cache-Control", "private, max-age="+strconv.Itoa(int(life/time.Second)))
}

// redirectToOriginal sends the client to the original, and says whether there is
// one that it may be sent to.
func (t *thumbnails) redirectToOriginal(r *wire.Request, wait context.Context, w *wanted) bool {
	url, err := t.renderer.OriginalURL(wait, w.id)
	if err != nil {
		t.log.Debug("original has no address", logURI(r), logError(err))
	}
	if err != nil || url == "" {
		return false
	}
	own := r.Own()
	own.SetStatusCode(fasthttp.StatusFound)
	own.Header.Set("Location", url)
	own.Header.Set("Cache-Control", "no-store")
	return true
}
