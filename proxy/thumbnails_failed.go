package proxy

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// thumbnailOutcome says what became of a request for a thumbnail that the proxy
// answered itself; a metric's label.
type thumbnailOutcome string

// The outcomes.
const (
	outcomeWarm             thumbnailOutcome = "warm"
	outcomeCold             thumbnailOutcome = "cold"   // rendered
	outcomeStale            thumbnailOutcome = "stale"  // rendered anew
	outcomeUnkept           thumbnailOutcome = "unkept" // rendered, and could not be kept
	outcomeUnknown          thumbnailOutcome = "unknown_capture"
	outcomeBusy             thumbnailOutcome = "busy"
	outcomeUnavailable      thumbnailOutcome = "original_unavailable"
	outcomeUnusable         thumbnailOutcome = "original_unusable"
	outcomeBusyOriginal     thumbnailOutcome = "busy_sent_to_original"
	outcomeNoneOriginal     thumbnailOutcome = "original_unavailable_sent_to_original"
	outcomeUnusableOriginal thumbnailOutcome = "original_unusable_sent_to_original"
	outcomeWider            thumbnailOutcome = "failed_sent_to_wider"
	outcomeTooManyFallbacks thumbnailOutcome = "too_many_fallbacks"
	outcomeAbandoned        thumbnailOutcome = "abandoned"
	outcomeLimited          thumbnailOutcome = "limited" // its client is over limits.renders
	// With a valid signature, of a draft's capture:
	outcomePrivateWarm   thumbnailOutcome = "private_warm"
	outcomePrivateCold   thumbnailOutcome = "private_cold"
	outcomePrivateUnkept thumbnailOutcome = "private_unkept"
	outcomePrivateFailed thumbnailOutcome = "private_unavailable" // private storage or the database is away
)

var thumbnailOutcomes = []thumbnailOutcome{
	outcomeWarm, outcomeCold, outcomeStale, outcomeUnkept, outcomeUnknown, outcomeBusy, outcomeUnavailable, outcomeUnusable,
	outcomeBusyOriginal, outcomeNoneOriginal, outcomeUnusableOriginal, outcomeWider, outcomeTooManyFallbacks, outcomeAbandoned, outcomeLimited,
	outcomePrivateWarm, outcomePrivateCold, outcomePrivateUnkept, outcomePrivateFailed,
}

// Why requests for thumbnails are the app's to answer.
const (
	reasonLabel    passReason = "unknown_label"
	reasonOddForm  passReason = "odd_form" // a request that only the app may take for one
	reasonPrivate  passReason = "private"
	reasonFormat   passReason = "format" // an original that only the app may be able to render
	reasonDatabase passReason = "database"
	reasonNoURL    passReason = "no_storage_url"
	reasonError    passReason = "error"
)

var thumbnailReasons = []passReason{reasonLabel, reasonOddForm, reasonPrivate, reasonFormat, reasonDatabase, reasonNoURL, reasonError}

func newThumbnailMetrics(reg prometheus.Registerer) map[thumbnailOutcome]prometheus.Counter {
	vec := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_thumbnail_requests_total", Help: "Requests for thumbnails that the proxy answered itself, by what became of them; thumbedge_passed_through_total has the others.",
	}, []string{"outcome"})
	m := map[thumbnailOutcome]prometheus.Counter{}
	for _, outcome := range thumbnailOutcomes {
		m[outcome] = vec.WithLabelValues(string(outcome))
	}
	return m
}

// thumbnailFailure is what an error means to the client: the app's answer, or a
// status and a text.
type thumbnailFailure struct {
	err      error
	pass     passReason // "": answered here
	bounded  bool       // passing it could make the app render
	status   int
	detail   string
	outcome  thumbnailOutcome
	original thumbnailOutcome // where the label may fall back to the original, and did
}

// thumbnailFailures is the one table from errors to answers; the first that
// matches counts.
var thumbnailFailures = []thumbnailFailure{
	{err: thumb.ErrUnknownCapture, status: 404, detail: "No such capture.", outcome: outcomeUnknown},
	{err: thumb.ErrNotPublic, pass: reasonPrivate, bounded: true},
	{err: thumb.ErrOriginalForApp, pass: reasonFormat, bounded: true},
	{err: thumb.ErrDatabase, pass: reasonDatabase, bounded: true},
	{err: thumb.ErrBusy, status: 503, detail: "Too many thumbnails are being made.", outcome: outcomeBusy, original: outcomeBusyOriginal},
	{err: thumb.ErrOriginalUnavailable, status: 502, detail: "The original cannot be fetched.", outcome: outcomeUnavailable, original: outcomeNoneOriginal},
	{err: thumb.ErrOriginalUnusable, status: 422, detail: "The original cannot be rendered.", outcome: outcomeUnusable, original: outcomeUnusableOriginal},
}

func failureOf(err error) thumbnailFailure {
	for _, f := range thumbnailFailures {
		if errors.Is(err, f.err) {
			return f
		}
	}
	return thumbnailFailure{pass: reasonError, bounded: true}
}

// fail answers for an error of the resolver.
func (t *thumbnails) fail(r *wire.Request, w *wanted, err error) {
	t.answerError(r, w, failureOf(err), err)
}

// failOver answers for an error of the renderer: with a wider label that is warm, or
// with the original, where the label allows it and there is one that a browser may be
// sent to and could show.
func (t *thumbnails) failOver(r *wire.Request, wait context.Context, w *wanted, err error) {
	f := failureOf(err)
	if f.original != "" && t.redirectToWider(r, w) {
		return
	}
	showable := !errors.Is(err, thumb.ErrUnshowable)
	if f.original != "" && w.spec.FallbackOriginal && showable && t.redirectToOriginal(r, wait, w) {
		t.done(r, w, f.original)
		return
	}
	t.answerError(r, w, f, err)
}

func (t *thumbnails) answerError(r *wire.Request, w *wanted, f thumbnailFailure, err error) {
	if f.pass == reasonError {
		t.log.Error("thumbnail failed in an unknown way", logURI(r), logError(err))
	} else {
		t.log.Debug("thumbnail failed", logURI(r), logError(err))
	}
	switch {
	case f.bounded:
		t.passBounded(r, w, f.pass)
	case f.pass != "":
		t.pass(r, f.pass)
	default:
		t.answerFailure(r, f.status, f.detail)
		t.done(r, w, f.outcome)
	}
}

// answerFailure answers with a status and a text. A browser asks again as soon as
// it has a reason to: nothing here is worth keeping.
func (t *thumbnails) answerFailure(r *wire.Request, status int, detail string) {
	r.AnswerDetail(status, detail)
	r.Own().Header.Set("Cache-Control", "no-store")
	if status == fasthttp.StatusServiceUnavailable {
		r.Own().Header.Set("Retry-After", "2")
	}
}

// abandon ends a request whose client has left, or whose server is being cut off:
// most likely nobody reads the answer.
func (t *thumbnails) abandon(r *wire.Request, w *wanted) {
	t.answerFailure(r, fasthttp.StatusServiceUnavailable, "The thumbnail was not waited for.")
	t.done(r, w, outcomeAbandoned)
}

// done counts, marks and logs what became of a request.
func (t *thumbnails) done(r *wire.Request, w *wanted, outcome thumbnailOutcome) {
	t.outcomes[outcome].Inc()
	if outcome == outcomeWarm || outcome == outcomePrivateWarm {
		r.MarkCache("hit", "")
	} else {
		r.MarkCache("fwd=miss", string(outcome))
	}
	t.log.LogAttrs(context.Background(), slog.LevelDebug, "thumbnail", slog.Int64("capture", int64(w.id)), slog.String("label", w.spec.Label),
		slog.String("outcome", string(outcome)), slog.Int("status", r.Own().StatusCode()))
}

func logError(err error) slog.Attr { return slog.String("error", err.Error()) }

func logURI(r *wire.Request) slog.Attr { return slog.String("uri", string(r.Target())) }
