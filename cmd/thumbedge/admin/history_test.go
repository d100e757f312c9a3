package admin_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
)

// told is the history as /status tells it.
type told struct {
	History struct {
		Times []float64
		Plots map[string]struct{ Series map[string][]*float64 }
	}
}

// TestHistory: rates follow from counters, means from histograms, and an hour is
// kept, no more.
func TestHistory(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		pages := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "thumbedge_warmset_pages_total"}, []string{"source"})
		stages := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "thumbedge_cold_stage_seconds"}, []string{"stage"})
		used := prometheus.NewGauge(prometheus.GaugeOpts{Name: "thumbedge_warmset_used_bytes"})
		registry.MustRegister(pages, stages, used)
		server := admin.New(admin.Defaults(), admin.Deps{
			WarmSet: l.warm, Registry: registry, Log: slog.New(slog.DiscardHandler),
			Reconciled: func(context.Context) json.RawMessage { return nil },
			Ready:      func(context.Context) admin.Readiness { return admin.Readiness{} },
		})
		l.handler = server.Handler()
		ctx, stop := context.WithCancel(t.Context())
		sampled := make(chan struct{})
		go func() { defer close(sampled); server.Sample(ctx, 0) }()
		synctest.Wait()
		read := func() (h told) {
			r := httptest.NewRequest(http.MethodGet, "/status", nil)
			r.Host = "localhost"
			answer := httptest.NewRecorder()
			l.handler.ServeHTTP(answer, r)
			l.into(answer, &h)
			return h
		}
		step := func() { <-time.After(10 * time.Second); synctest.Wait() }
		point := func(h told, plot, series string) float64 {
			points := h.History.Plots[plot].Series[series]
			if len(points) == 0 || points[len(points)-1] == nil {
				t.Fatalf("%s of %s has no point: %v", series, plot, h)
			}
			return *points[len(points)-1]
		}
		if h := read(); len(h.History.Times) != 1 || point(h, "warmset_used", "warmset_used") != 0 {
			t.Errorf("the first sample tells no level: %v", h)
		}
		pages.WithLabelValues("memory").Add(50) // a series that was not there before
		stages.WithLabelValues("render").Observe(1)
		stages.WithLabelValues("render").Observe(3)
		used.Set(7)
		step()
		h := read()
		if rate, mean, level := point(h, "pages", "memory"), point(h, "stages", "render"), point(h, "warmset_used", "warmset_used"); rate != 5 || mean != 2 || level != 7 {
			t.Errorf("a rate of %v, a mean of %v, a level of %v; want 5, 2 and 7", rate, mean, level)
		}
		step()
		h = read()
		if rate := point(h, "pages", "memory"); rate != 0 {
			t.Errorf("nothing happened, at a rate of %v", rate)
		}
		if points := h.History.Plots["stages"].Series["render"]; points[2] != nil {
			t.Errorf("nothing was rendered, in a mean of %v", *points[2])
		}
		for range 400 {
			step()
		}
		times := read().History.Times
		if n := len(times); n != 360 || times[n-1]-times[0] != 3590 {
			t.Errorf("%d points are kept, over %v s", n, times[n-1]-times[0])
		}
		stop()
		<-sampled
	})
}
