package proxy

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What a valid signature lets in: the private thumbnail, or an error. Never the app, which
// would render a draft into public storage, never the original, and never another label,
// of which the signature says nothing.

// servePrivate answers a request whose signature is valid.
func (t *thumbnails) servePrivate(r *wire.Request, wait context.Context, w *wanted) {
	if w.known.Verdicts[w.position] == thumb.Warm && t.sendKept(r, w) {
		t.done(r, w, outcomePrivateWarm)
		return
	}
	if !t.admitRender(r, w) {
		return
	}
	made, err := t.renderer.PrivateThumbnail(wait, thumb.Client(r.ClientKey()), w.id, w.position, w.known.Project)
	switch {
	case err != nil && wait.Err() != nil:
		t.abandon(r, w)
	case errors.Is(err, thumb.ErrPublic):
		t.renderPublished(r, wait, w)
	case errors.Is(err, thumb.ErrNotPublic): // nor is it that project's any more
		t.passBounded(r, w, reasonPrivate)
	case err != nil:
		t.failPrivate(r, w, err)
	case made.Key != "" && t.sendFile(r, w, made.Key), made.URL != "" && t.sendToURL(r, w, []byte(made.URL), made.Expires):
		t.done(r, w, outcomePrivateCold)
	case len(made.JPEG) > 0:
		own := r.Own()
		own.Header.Set("Cache-Control", "private, no-store, no-transform")
		own.Header.SetContentType("image/jpeg")
		own.SetBody(made.JPEG)
		t.done(r, w, outcomePrivateUnkept)
	default:
		t.failPrivate(r, w, thumb.ErrFileMissing)
	}
}

// renderPublished answers for a capture that became public after it was looked up: by the
// public path, but for the app, whose answer is for those whom it knows.
func (t *thumbnails) renderPublished(r *wire.Request, wait context.Context, w *wanted) {
	if known, err := t.resolver.Fresh(wait, w.id); err == nil && known.Standing == thumb.Public {
		w.known = known
		if w.warm() {
			t.redirectToFile(r, w)
		} else {
			t.render(r, wait, w)
		}
		return
	}
	t.failPrivate(r, w, thumb.ErrBusy) // it went back, or nobody can say
}

// sendKept sends what private storage has of a warm label, and says whether it could.
func (t *thumbnails) sendKept(r *wire.Request, w *wanted) bool {
	var room [512]byte
	if t.signed.files != nil {
		return t.sendFile(r, w, string(t.resolver.AppendKey(room[:0], w.id, &w.known, w.position)))
	}
	url, expires := t.resolver.AppendURL(room[:0], w.id, &w.known, w.position)
	return t.sendToURL(r, w, url, expires)
}

// sendToURL sends the client to a URL that private storage signed. One without an expiry
// is no such URL.
func (t *thumbnails) sendToURL(r *wire.Request, w *wanted, url []byte, expires time.Time) bool {
	if len(url) == 0 || expires.IsZero() {
		return false
	}
	if until := w.sig.Until(); until.Before(expires) {
		expires = until
	}
	t.redirect(r, url, expires)
	return true
}

// sendFile answers with a file of private storage that lies on this machine, whole or in
// part, for no longer than the signature lives.
func (t *thumbnails) sendFile(r *wire.Request, w *wanted, key string) bool {
	if t.signed.files == nil {
		return false
	}
	file, err := t.signed.files.open(key)
	if err != nil {
		t.log.Error("private file cannot be opened", slog.String("key", key), logError(err))
		return false
	}
	life := max(0, min(redirectLife, time.Until(w.sig.Until())))
	cacheControl := "private, no-transform, max-age=" + strconv.Itoa(int(life/time.Second))
	r.Own().Header.Set("Cache-Control", cacheControl)
	if !t.signed.files.answer(r, key, file, cacheControl) {
		_ = file.Close() // nothing was written to it
	}
	return true
}

// failPrivate answers for an error: the capture is not there, can't be rendered, or can't
// be had now.
func (t *thumbnails) failPrivate(r *wire.Request, w *wanted, err error) {
	t.log.Debug("private thumbnail failed", logURI(r), logError(err))
	switch {
	case errors.Is(err, thumb.ErrUnknownCapture):
		t.answerFailure(r, fasthttp.StatusNotFound, "No such capture.")
		t.done(r, w, outcomeUnknown)
	case errors.Is(err, thumb.ErrOriginalUnusable), errors.Is(err, thumb.ErrOriginalForApp):
		t.answerFailure(r, fasthttp.StatusUnprocessableEntity, "The original cannot be rendered.")
		t.done(r, w, outcomeUnusable)
	case errors.Is(err, thumb.ErrOriginalUnavailable):
		t.answerFailure(r, fasthttp.StatusServiceUnavailable, "The original cannot be fetched.")
		t.done(r, w, outcomeUnavailable)
	case errors.Is(err, thumb.ErrBusy):
		t.answerFailure(r, fasthttp.StatusServiceUnavailable, "Too many thumbnails are being made.")
		t.done(r, w, outcomeBusy)
	default:
		t.answerFailure(r, fasthttp.StatusServiceUnavailable, "Thumbnails are not available at the moment.")
		t.done(r, w, outcomePrivateFailed)
	}
}

// answerUnavailable answers for a signature that nobody can verify now.
func (t *thumbnails) answerUnavailable(r *wire.Request, w *wanted) {
	t.signed.metrics.unverified.Inc()
	t.answerFailure(r, fasthttp.StatusServiceUnavailable, "Thumbnails are not available at the moment.")
	t.done(r, w, outcomePrivateFailed)
}
