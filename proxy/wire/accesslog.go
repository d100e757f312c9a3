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
	if !c.s.cfg.AccessLog || !c.s.log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	method := c.header.Method()
	id := r.facts.requestID
	c.line = append(append(append(append(c.line[:0], method...), r.target...), c.peer...), id...)
	text := string(c.line)
	cut := func(n int) (part string) { part, text = text[:n], text[n:]; return part }
	record := slog.NewRecord(now, slog.LevelInfo, "request", 0)
	record.AddAttrs(
		slog.String("method", cut(len(method))),
		slog.String("uri", cut(len(r.target))),
		slog.Int("status", r.status),
		slog.Int64("bytes", r.sent),
		slog.Duration("took", took),
		slog.String("remote", cut(len(c.peer))),
		slog.String("request_id", cut(len(id))),
		slog.String("route", m.routes[r.route]),
	)
	_ = c.s.log.Handler().Handle(context.Background(), record)
}
