package wire

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"time"
)

// Tracer follows requests by spans, which are passed on as W3C Trace Context has it. The
// attributes' names are those of OpenTelemetry's semantic conventions, and nothing secret
// is put into one. Its methods are called from many goroutines.
type Tracer interface {
	// Request begins the span of a request. Parent and state are its traceparent and
	// tracestate, which count where its peer is trusted. The context that it returns holds
	// the span; end is nil where nothing is recorded. Failure is the kind of error, in a
	// word; "": it went well.
	Request(ctx context.Context, parent, state []byte, trusted bool, began time.Time) (within context.Context, end func(name, failure string, attributes ...slog.Attr))
	// Call begins the span of what another process is asked to do, below the span that
	// ctx holds. End is nil where nothing is recorded.
	Call(ctx context.Context, name string) (within context.Context, end func(failure string, attributes ...slog.Attr))
	// AppendHeaders appends the header lines that name the span which ctx holds as the
	// parent of what the receiver does.
	AppendHeaders(ctx context.Context, dst []byte) []byte
}

// trace is what a request's spans are known by. All of it is nil without a Tracer. A
// context here is the request's own, as http.Request has one.
type trace struct {
	traced context.Context // holds the request's span
	end    func(name, failure string, attributes ...slog.Attr)
	asking context.Context // holds the span below which the app works
}

// Traced returns a context that holds the request's span, for what is done on its behalf.
// It ends when the server is cut off at the earliest. Without a Tracer it is the empty one.
func (r *Request) Traced() context.Context {
	if r.traced == nil {
		return context.Background()
	}
	return r.traced
}

// MarkPattern says of which pattern the request's path is, as spans name it.
func (r *Request) MarkPattern(pattern string) { r.pattern = pattern }

func (c *client) beginTrace() {
	if c.s.tracer == nil {
		return
	}
	r, f := &c.req, c.req.readFacts()
	r.traced, r.end = c.s.tracer.Request(c.s.ctx, f.traceparent, f.tracestate, c.trusted, r.started)
	r.asking = r.traced
}

// endTrace ends the request's span. Its query is left out: it may hold a signature, or
// somebody's token. The log's line of this trace has what may be shown of it.
func (c *client) endTrace() {
	r := &c.req
	method := knownMethod(c.header.Method())
	name, failure := method, ""
	if r.pattern != "" {
		name += " " + r.pattern
	}
	switch {
	case r.status >= 500:
		failure = strconv.Itoa(r.status)
	case r.aborted:
		failure = "aborted"
	}
	attributes := append(make([]slog.Attr, 0, 16),
		slog.String("http.request.method", method),
		slog.String("url.scheme", string(r.forwardedProto())),
		slog.String("url.path", tracedPath(r.target)),
		slog.Int("http.response.status_code", r.status),
		slog.Int64("http.response.body.size", r.sent),
		slog.String("network.peer.address", string(c.peer)),
		slog.String("client.address", r.clientAddr().String()),
		slog.String("thumbedge.route", c.s.metrics.routes[r.route]),
	)
	if r.pattern != "" {
		attributes = append(attributes, slog.String("http.route", r.pattern))
	}
	if len(r.host) > 0 {
		attributes = appendServer(attributes, string(r.host))
	}
	if id := r.facts.requestID; len(id) > 0 && len(id) <= longestID {
		attributes = append(attributes, slog.String("http.request.header.x-request-id", string(id)))
	}
	if r.cache != "" {
		attributes = append(attributes, slog.String("thumbedge.cache", r.cache), slog.String("thumbedge.reason", r.detail))
	}
	r.end(name, failure, attributes...)
}

// appendServer appends what a host is called, which may have a port, or be a socket's path.
func appendServer(attributes []slog.Attr, address string) []slog.Attr {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return append(attributes, slog.String("server.address", address))
	}
	number, _ := strconv.Atoi(port)
	return append(attributes, slog.String("server.address", host), slog.Int("server.port", number))
}

// knownMethod returns a method, or what stands for one that nobody knows.
func knownMethod(method []byte) string {
	switch m := string(method); m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE":
		return m
	}
	return "_OTHER"
}

// tracedPath is a target's path, up to whatever could be taken for the beginning of a query.
func tracedPath(target []byte) string {
	path := target
	if i := bytes.IndexAny(path, "?#;"); i >= 0 {
		path = path[:i]
	}
	for _, escaped := range []string{"%3f", "%3F", "%23", "%3b", "%3B"} {
		if i := bytes.Index(path, []byte(escaped)); i >= 0 {
			path = path[:i]
		}
	}
	return string(path)
}

// askTraced is ask, with a span that lasts until the app's connection is free again.
func (r *Request) askTraced(form Form) (*Answer, error) {
	c := r.client
	method, resent := knownMethod(c.header.Method()), 0
	within, end := c.s.tracer.Call(r.traced, method)
	r.asking = within
	answer, err := r.ask(form, &resent)
	if end == nil {
		return answer, err
	}
	attributes := append(appendServer(make([]slog.Attr, 0, 8), c.s.pool.app.Address()),
		slog.String("http.request.method", method),
		slog.String("url.full", c.s.pool.app.Base()+tracedPath(r.target)))
	if resent > 0 {
		attributes = append(attributes, slog.Int("http.request.resend_count", resent))
	}
	if err != nil {
		end(reasonOf(err), attributes...)
		return nil, err
	}
	status, failure := answer.Header.StatusCode(), ""
	if status >= 400 {
		failure = strconv.Itoa(status)
	}
	answer.conn.taken = func() { end(failure, append(attributes, slog.Int("http.response.status_code", status))...) }
	return answer, nil
}

// reasonOf names an error of Ask as the metrics do.
func reasonOf(err error) string {
	var refused *rejection
	if errors.As(err, &refused) {
		return refused.reason
	}
	return failureOf(err).reason
}
