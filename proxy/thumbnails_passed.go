package proxy

import (
	"errors"
	"log/slog"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// pass hands the request to the app, which knows.
func (t *thumbnails) pass(r *wire.Request, reason passReason) {
	t.log.Debug("thumbnail passed to the app", logURI(r), slog.String("reason", string(reason)))
	t.passing.pass(r, reason)
}

// passBounded hands the request to the app where that could make the app render, when
// there is a place for it.
func (t *thumbnails) passBounded(r *wire.Request, w *wanted, reason passReason) {
	leave, err := t.fallbacks.enter(kindOf(reason), t.wait, r.Context)
	switch {
	case errors.Is(err, errTooManyFallbacks) && t.redirectToWider(r, w):
		return
	case errors.Is(err, errTooManyFallbacks):
		t.answerFailure(r, fasthttp.StatusServiceUnavailable, "Thumbnails are not available at the moment.")
		t.done(r, w, outcomeTooManyFallbacks)
		return
	case err != nil:
		t.abandon(r, w)
		return
	}
	defer leave()
	if reason == reasonFormat {
		t.passFormat(r, w)
		return
	}
	t.pass(r, reason)
}

func kindOf(reason passReason) fallbackKind {
	switch reason {
	case reasonFormat:
		return fallbackFormat
	case reasonPrivate:
		return fallbackPrivate
	}
	return fallbackOther
}

// passFormat hands the request for an original that only the app may render to the app,
// and tells the renderer where the app did not: it is then not asked again and again.
func (t *thumbnails) passFormat(r *wire.Request, w *wanted) {
	t.log.Debug("thumbnail passed to the app", logURI(r), slog.String("reason", string(reasonFormat)))
	t.passing.mark(r, reasonFormat)
	answer, err := r.Ask(wire.Form{})
	if err != nil {
		if wire.IsAppsFailure(err) {
			t.renderer.AppFailed(w.id, w.position, false)
			if t.redirectToWider(r, w) {
				return
			}
		}
		r.Fail(err)
		return
	}
	status := answer.Header.StatusCode()
	if refused := refuses(status); refused || status >= 500 {
		t.log.Info("the app did not render an original that was left to it", logURI(r), slog.Int("status", status), slog.Bool("refused", refused))
		t.renderer.AppFailed(w.id, w.position, refused)
		if t.redirectToWider(r, w) {
			answer.Close()
			return
		}
	}
	answer.Pass()
}

// refuses says whether a status means that the app does not render this original, and
// not that it does not do so now, or for this client.
func refuses(status int) bool {
	switch status {
	case fasthttp.StatusUnauthorized, fasthttp.StatusForbidden, fasthttp.StatusRequestTimeout, fasthttp.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

// wider returns the position of the narrowest warm label of the capture that is wider
// than the one wanted, or -1. A narrower one will not do: the app's pages keep what they
// got for a size, and go on to the original only where it fails.
func (t *thumbnails) wider(w *wanted) int {
	found := -1
	if w.known.Standing != thumb.Public {
		return found
	}
	for i, spec := range t.specs {
		if w.known.Verdicts[i] == thumb.Warm && spec.Width > w.spec.Width && (found < 0 || spec.Width < t.specs[found].Width) {
			found = i
		}
	}
	return found
}

// redirectToWider sends the client to a wider warm label of the capture, and says
// whether there is one.
func (t *thumbnails) redirectToWider(r *wire.Request, w *wanted) bool {
	position := t.wider(w)
	if position < 0 {
		return false
	}
	var room [512]byte
	url, _ := t.resolver.AppendURL(room[:0], w.id, &w.known, position)
	if len(url) == 0 {
		return false
	}
	own := r.Own()
	own.SetStatusCode(fasthttp.StatusFound)
	own.Header.SetBytesV("Location", url)
	own.Header.Set("Cache-Control", "no-store")
	t.done(r, w, outcomeWider)
	return true
}
