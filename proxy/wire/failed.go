package wire

import (
	"errors"
	"log/slog"

	"github.com/valyala/fasthttp"
)

// failure is what an error of a round trip means to the outside.
type failure struct {
	err    error
	status int
	reason string // the metric's label
	detail string
}

// failures is the one table from errors to answers; the first that matches counts.
var failures = []failure{
	{errClientGone, 499, "client_gone", ""},
	{errNoConnection, 503, "no_connection", "The application is busy."},
	{errUnreachable, 502, "unreachable", "The application cannot be reached."},
	{errResponseTimeout, 504, "timeout", "The application did not answer in time."},
	{errNoAnswer, 502, "no_answer", "The application did not answer."},
	{errBadAnswer, 502, "bad_answer", "The application's answer could not be understood."},
	{errSpool, 503, "spool", "The request's body could not be kept."},
}

var unknownFailure = failure{nil, 502, "other", "The application did not answer."}

func failureOf(err error) failure {
	for _, known := range failures {
		if errors.Is(err, known.err) {
			return known
		}
	}
	return unknownFailure
}

// IsAppsFailure says whether an error of Ask is the app's doing, and not the client's.
func IsAppsFailure(err error) bool {
	var refused *rejection
	return err != nil && !errors.Is(err, errClientGone) && !errors.As(err, &refused)
}

// AppFailed says whether Own answers for a failure of the app's.
func (r *Request) AppFailed() bool { return r.appFailed }

// Fail answers for an error of Ask.
func (r *Request) Fail(err error) {
	c := r.client
	s := c.s
	var refused *rejection
	if errors.As(err, &refused) {
		s.metrics.rejected[refused].Inc()
		s.log.Debug("request refused", slog.String("reason", refused.reason), slog.String("remote", string(c.peer)))
		r.closing = true
		r.AnswerDetail(refused.status, fasthttp.StatusMessage(refused.status)+".")
		if refused.status == 503 {
			r.Own().Header.Set("Retry-After", "1")
		}
		return
	}
	f := failureOf(err)
	s.metrics.upstreamErrors[f.reason].Inc()
	if f.status == 499 {
		r.status = f.status
		c.gone()
		return
	}
	r.appFailed = true
	s.log.WarnContext(r.Traced(), "app failed", logError(err), logURI(r), slog.String("reason", f.reason))
	r.AnswerDetail(f.status, f.detail)
	r.Own().Header.Set("Cache-Control", "no-store")
	if f.status == 503 {
		r.Own().Header.Set("Retry-After", "1")
	}
}

func logError(err error) slog.Attr { return slog.String("error", err.Error()) }

func logURI(r *Request) slog.Attr { return slog.String("uri", string(r.target)) }
