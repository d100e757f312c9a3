package proxy

import (
	"encoding/json"
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
}

var unknownFailure = failure{nil, 502, "other", "The application did not answer."}

// failed answers for an error of roundTrip.
func (s *Server) failed(ctx *fasthttp.RequestCtx, err error) {
	c := clientOf(ctx)
	var refused *rejection
	if errors.As(err, &refused) {
		s.metrics.rejected[refused].Inc()
		s.log.Debug("request refused", slog.String("reason", refused.reason), slog.String("remote", string(c.peer)))
		c.req.closing = true
		s.answerDetail(ctx, refused.status, fasthttp.StatusMessage(refused.status)+".")
		return
	}
	f := unknownFailure
	for _, known := range failures {
		if errors.Is(err, known.err) {
			f = known
			break
		}
	}
	s.metrics.upstreamErrors[f.reason].Inc()
	if f.status == 499 {
		c.req.status = f.status
		c.gone()
		return
	}
	s.log.Warn("app failed", logError(err), logURI(c), slog.String("reason", f.reason))
	s.answerDetail(ctx, f.status, f.detail)
	ctx.Response.Header.Set("Cache-Control", "no-store")
	if f.status == 503 {
		ctx.Response.Header.Set("Retry-After", "1")
	}
}

// answerDetail sets an answer of the proxy's own, a JSON object with one member
// "detail", as the app's own errors have it.
func (s *Server) answerDetail(ctx *fasthttp.RequestCtx, status int, detail string) {
	text, err := json.Marshal(map[string]string{"detail": detail})
	if err != nil { // a string always marshals
		text = []byte("{}")
	}
	ctx.Response.ResetBody()
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(text)
}

func logError(err error) slog.Attr { return slog.String("error", err.Error()) }

func logURI(c *client) slog.Attr { return slog.String("uri", string(c.req.target)) }
