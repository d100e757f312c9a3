package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// client is a collector that does what a test says.
type client struct {
	upload func(ctx context.Context) error
	tries  atomic.Int32
}

func (*client) Start(context.Context) error { return nil }
func (*client) Stop(context.Context) error  { return nil }

func (c *client) UploadTraces(ctx context.Context, _ []*tracepb.ResourceSpans) error {
	c.tries.Add(1)
	return c.upload(ctx)
}

// queued makes a queue, and what ends spans on it.
func queued(c *client, log *strings.Builder) (q *queue, end func(n int)) {
	q = newQueue(c, slog.New(slog.NewTextHandler(log, nil)), newMetrics(prometheus.NewRegistry()))
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(q), sdktrace.WithSampler(sdktrace.AlwaysSample())).Tracer("")
	return q, func(n int) {
		for range n {
			_, span := tracer.Start(context.Background(), "span", trace.WithSpanKind(trace.SpanKindServer))
			span.End()
		}
	}
}

// outcomes are how many spans were sent, failed and were dropped.
func (q *queue) outcomes() string {
	m := q.metrics
	return fmt.Sprintf("%.0f sent, %.0f failed, %.0f dropped", testutil.ToFloat64(m.sent), testutil.ToFloat64(m.failed), testutil.ToFloat64(m.dropped))
}

func (q *queue) expect(t *testing.T, want string) {
	t.Helper()
	if got := q.outcomes(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A collector that takes forever, or nothing at all, costs spans, which are counted, and
// nobody a moment.
func TestQueueNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &client{upload: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		var log strings.Builder
		q, end := queued(c, &log)
		end(mostSent)
		synctest.Wait() // the collector has them, and says nothing
		began := time.Now()
		end(mostWaiting + 1000)
		if took := time.Since(began); took != 0 {
			t.Errorf("ending spans took %v", took)
		}
		q.expect(t, "0 sent, 0 failed, 1000 dropped")
		if err := q.Shutdown(t.Context()); err != nil || time.Since(began) != closeTime {
			t.Errorf("ending took %v, %v", time.Since(began), err)
		}
		q.expect(t, fmt.Sprintf("0 sent, %d failed, 1000 dropped", mostSent+mostWaiting))
		end(mostWaiting + 1)
		synctest.Wait()
		q.expect(t, fmt.Sprintf("0 sent, %d failed, 1001 dropped", mostSent+mostWaiting))
	})
}

// A collector that is away for a while gets what could wait for it; one that is away for
// longer does not. Both are said once.
func TestQueueTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sleep := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		var away atomic.Bool
		away.Store(true)
		c := &client{upload: func(context.Context) error {
			if away.Load() {
				return errors.New("refused")
			}
			return nil
		}}
		var log strings.Builder
		q, end := queued(c, &log)
		end(3)
		sleep(20 * time.Second)
		q.expect(t, "0 sent, 0 failed, 0 dropped")
		if away.Store(false); c.tries.Load() < 3 {
			t.Errorf("tried %d times", c.tries.Load())
		}
		sleep(lastPause)
		q.expect(t, "3 sent, 0 failed, 0 dropped")
		away.Store(true)
		end(2)
		sleep(2 * giveUp)
		q.expect(t, "3 sent, 2 failed, 0 dropped")
		if c.tries.Load() > 20 {
			t.Errorf("tried %d times", c.tries.Load())
		}
		away.Store(false)
		end(1)
		if err := q.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		q.expect(t, "4 sent, 2 failed, 0 dropped")
		if said := log.String(); strings.Count(said, "cannot be sent") != 2 || strings.Count(said, "again") != 2 {
			t.Errorf("the log says\n%s", said)
		}
	})
}

// What a collector refuses is not sent again.
func TestQueueGivesUpWhatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			err  error
			want string
		}{
			{fmt.Errorf("%w: 400", errRefused), "0 sent, 3 failed, 0 dropped"},
			{fmt.Errorf("a batch: %w", partly(2)), "1 sent, 2 failed, 0 dropped"},
			{partly(9), "0 sent, 3 failed, 0 dropped"},
		} {
			var log strings.Builder
			collector := &client{upload: func(context.Context) error { return c.err }}
			q, end := queued(collector, &log)
			end(3)
			_ = q.Shutdown(t.Context())
			if q.expect(t, c.want); collector.tries.Load() != 1 {
				t.Errorf("%v: sent %d times", c.err, collector.tries.Load())
			}
		}
	})
}
