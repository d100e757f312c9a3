package wire

import (
	"context"
	"log/slog"
	"time"
)

// observe counts the request, and writes its line to the access log. The line's
// values share one allocation; a handler may keep them.
func (c *client) observe() {
	r, now := &c.req, time.Now()
	took := now.Sub(r.started)
	m := c.s.metrics
	if class := r.status / 100; class < len(classes) {
		m.requests[r.route][class].Inc()
	}
	m.durations[r.route].Observe(took.Seconds())
	if r.waited > 0 {
		m.waits[r.route].Observe(r.waited.Seconds())
	}
	m.bodyBytes.Add(float64(r.sent))
	if r.end != nil {
		c.endTrace()
	}
	if !c.now.AccessLog || !c.s.log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	method := c.header.Method()
	facts := r.readFacts()
	ctx, id, trace := context.Background(), facts.requestID, traceID(facts.traceparent)
	if r.traced != nil { // the log says so itself
		ctx, trace = r.traced, nil
	}
	c.line = append(append(append(append(append(c.line[:0], method...), r.target...), c.peer...), id...), trace...)
	length := len(c.line)
	if c.trusted && (facts.forwardedFor != nil || facts.forwarded != nil) {
		c.line = r.clientAddr().AppendTo(c.line)
	} else {
		c.line = append(c.line, c.peer...)
	}
	text := string(c.line)
	address := text[length:]
	cut := func(n int) (part string) { part, text = text[:n], text[n:]; return part }
	record := slog.NewRecord(now, slog.LevelInfo, "request", 0)
	record.AddAttrs(
		slog.String("method", cut(len(method))),
		slog.String("uri", cut(len(r.target))),
		slog.Int("status", r.status),
		slog.Int64("bytes", r.sent),
		slog.Duration("took", took),
		slog.String("remote", cut(len(c.peer))),
		slog.String("client", address),
		slog.String("request_id", cut(len(id))),
		slog.String("route", m.routes[r.route]),
	)
	if len(trace) > 0 {
		record.AddAttrs(slog.String("trace_id", cut(len(trace))))
	}
	_ = c.s.log.Handler().Handle(ctx, record)
}

// traceID takes the trace's id out of a traceparent (W3C Trace Context), which goes on to
// the app as it came; nil: there is none that can be understood.
func traceID(traceparent []byte) []byte {
	const dash1, dash2 = 2, 35
	if len(traceparent) < 55 || traceparent[dash1] != '-' || traceparent[dash2] != '-' {
		return nil
	}
	id, used := traceparent[dash1+1:dash2], false
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return nil
		}
		used = used || c != '0'
	}
	if !used {
		return nil
	}
	return id
}
