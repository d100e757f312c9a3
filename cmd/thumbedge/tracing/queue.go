package tracing

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	mostWaiting = 2048            // spans between their end and the collector
	mostSent    = 512             // spans in one batch
	sendEvery   = 2 * time.Second // that a span waits for others to be sent with
	giveUp      = time.Minute     // after which a batch is not tried again
	firstPause  = time.Second     // before a batch is tried again; it doubles
	lastPause   = 15 * time.Second
	closeTime   = 2 * time.Second // that the end of the program waits for the collector
)

// queue takes the spans that have ended, and sends them in batches. Whoever ends a span
// never waits: where the queue is full, the span is dropped and counted. (The SDK's own
// batch processor drops without a count that could be read.)
type queue struct {
	spans    chan sdktrace.ReadOnlySpan
	exporter sdktrace.SpanExporter
	log      *slog.Logger
	metrics  *metrics
	failing  bool // the goroutine's own

	ctx     context.Context // of sending; ends a moment after stopped
	cut     context.CancelFunc
	stopped chan struct{}
	once    sync.Once
	ended   chan struct{}
}

func newQueue(client otlptrace.Client, log *slog.Logger, metrics *metrics) *queue {
	q := &queue{
		spans: make(chan sdktrace.ReadOnlySpan, mostWaiting), exporter: otlptrace.NewUnstarted(client), log: log, metrics: metrics,
		stopped: make(chan struct{}), ended: make(chan struct{}),
	}
	q.ctx, q.cut = context.WithCancel(context.Background())
	metrics.waiting(q.spans)
	go q.run()
	return q
}

// OnStart does nothing.
func (*queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd takes a span.
func (q *queue) OnEnd(span sdktrace.ReadOnlySpan) {
	select {
	case q.spans <- span:
	default:
		q.metrics.dropped.Inc()
	}
}

// ForceFlush does nothing: nobody waits for the collector.
func (*queue) ForceFlush(context.Context) error { return nil }

// Shutdown sends what is left, until ctx ends, or closeTime is over.
func (q *queue) Shutdown(ctx context.Context) error {
	q.once.Do(func() { close(q.stopped) })
	ctx, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	select {
	case <-q.ended:
	case <-ctx.Done():
		q.cut()
		<-q.ended
	}
	q.cut()
	return nil
}

// run sends batches until the queue is shut down and empty.
func (q *queue) run() {
	defer close(q.ended)
	var batch []sdktrace.ReadOnlySpan
	for stopped := false; !stopped; {
		batch, stopped = q.collect(batch[:0])
		for len(batch) > 0 {
			q.send(batch)
			clear(batch)
			if !stopped {
				break
			}
			batch = q.rest(batch[:0])
		}
	}
}

// collect waits for spans, and then for more of them, a while.
func (q *queue) collect(batch []sdktrace.ReadOnlySpan) (collected []sdktrace.ReadOnlySpan, stopped bool) {
	select {
	case span := <-q.spans:
		batch = append(batch, span)
	case <-q.stopped:
		return q.rest(batch), true
	}
	soon := time.NewTimer(sendEvery)
	defer soon.Stop()
	for len(batch) < mostSent {
		select {
		case span := <-q.spans:
			batch = append(batch, span)
		case <-soon.C:
			return batch, false
		case <-q.stopped:
			return q.rest(batch), true
		}
	}
	return batch, false
}

// rest fills a batch with what there is.
func (q *queue) rest(batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	for len(batch) < mostSent {
		select {
		case span := <-q.spans:
			batch = append(batch, span)
		default:
			return batch
		}
	}
	return batch
}

// send sends a batch, again and again while the collector is away, but for a minute at
// most, and once only at the end.
func (q *queue) send(batch []sdktrace.ReadOnlySpan) {
	began := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := q.exporter.ExportSpans(q.ctx, batch)
		q.note(err)
		var some partly
		switch {
		case err == nil:
			q.metrics.sent.Add(float64(len(batch)))
			return
		case errors.As(err, &some):
			refused := min(int(some), len(batch))
			q.metrics.failed.Add(float64(refused))
			q.metrics.sent.Add(float64(len(batch) - refused))
			return
		case errors.Is(err, errRefused), time.Since(began)+pause > giveUp, !q.pause(pause):
			q.metrics.failed.Add(float64(len(batch)))
			return
		}
	}
}

// pause waits before a batch is tried again; it says false at the end.
func (q *queue) pause(d time.Duration) bool {
	again := time.NewTimer(d)
	defer again.Stop()
	select {
	case <-again.C:
		return true
	case <-q.stopped:
		return false
	}
}

// note says when the collector goes away, and when it is back.
func (q *queue) note(err error) {
	switch failing := err != nil; {
	case failing && !q.failing:
		q.log.Warn("spans cannot be sent to the collector (tracing.endpoint)", slog.String("error", err.Error()))
	case !failing && q.failing:
		q.log.Info("spans are sent to the collector again")
	}
	q.failing = err != nil
}
