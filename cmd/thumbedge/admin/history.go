package admin

import (
	"context"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// The history is an hour in steps of ten seconds.
const (
	historyStep   = 10 * time.Second
	historyPoints = 360
)

// How a chart's values follow from what the metric said at two moments.
const (
	perSecond = "per_second" // of a counter
	meanTime  = "seconds"    // of a histogram: the mean of what was observed between the two
	level     = "level"      // of a gauge: as it is
	counted   = "counted"    // of a counter, for the answers: no chart shows it
)

// chart is one metric that the status page shows over time, or reckons with.
type chart struct {
	name   string
	kind   string
	metric string
	by     string // the label that makes a series each; other labels are added up. "": one series
}

// charts are all there are. Each series is of a label with a small closed set of
// values, which bounds what the history takes: some 20 KB a series, below 2 MB all
// together.
var charts = []chart{
	{"pages", perSecond, "thumbedge_warmset_pages_total", "source"},
	{"answers", perSecond, "thumbedge_pages_total", "outcome"},
	{"labels", perSecond, "thumbedge_page_labels_total", "verdict"},
	{"thumbnails", perSecond, "thumbedge_thumbnail_requests_total", "outcome"},
	{"passed", perSecond, "thumbedge_passed_through_total", "reason"},
	{"upstream_errors", perSecond, "thumbedge_upstream_errors_total", "reason"},
	{"renders", perSecond, "thumbedge_cold_labels_total", "outcome"},
	{"stages", meanTime, "thumbedge_cold_stage_seconds", "stage"},
	{"duration", meanTime, "thumbedge_request_duration_seconds", "route"},
	{"wait", meanTime, "thumbedge_app_wait_seconds", "route"},
	{"used", level, "thumbedge_cold_used", "resource"},
	{"limit", level, "thumbedge_cold_limit", "resource"},
	{"page_memory", level, "thumbedge_pages_memory_bytes", ""},
	{"connections", level, "thumbedge_client_connections", ""},
	{"database_busy", level, "thumbedge_database_connections_busy", ""},
	{"database_limit", level, "thumbedge_database_connections_limit", ""},
	{"queries", level, "thumbedge_warmset_queries_in_flight", ""},
	{"resident", level, "process_resident_memory_bytes", ""},
	{"warmset_used", level, "thumbedge_warmset_used_bytes", ""},
	{"warmset_limit", level, "thumbedge_warmset_max_bytes", ""},
	{"responses", counted, "thumbedge_responses_requests_total", "result"},
	{"saved_bytes", counted, "thumbedge_responses_saved_bytes_total", ""},
	{"original_bytes", counted, "thumbedge_cold_original_bytes_total", ""},
	{"signed", counted, "thumbedge_signed_labels_total", ""},
	{"unresolved", counted, "thumbedge_pages_unresolved_total", ""},
	{"answers_broken", counted, "thumbedge_upstream_answers_broken_total", ""},
	{"refused", counted, "thumbedge_client_connections_refused_total", ""},
	{"failures", counted, "thumbedge_cold_failures_total", "cause"},
	{"panics", counted, "thumbedge_panics_total", ""},
	{"spool_full", counted, "thumbedge_spool_full_total", "outcome"},
}

// point is one value of a chart; NaN, where there is nothing to tell, is null.
type point float64

func (p point) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(p)) || math.IsInf(float64(p), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(p), 'g', 5, 64), nil
}

// plot is one chart's series over the history's times.
type plot struct {
	Kind   string             `json:"kind"`
	Series map[string][]point `json:"series"`
}

// timeline is the history as /status tells it: the plots' points belong to Times.
type timeline struct {
	Times []float64       `json:"times"` // Unix seconds, the newest last
	Plots map[string]plot `json:"plots"`
}

// reading is what one series' metric said: a value, and of a histogram how often.
type reading struct{ value, count float64 }

// sample is what all the charts' metrics said at one moment: chart, series, reading.
type sample struct {
	at       time.Time
	readings map[string]map[string]reading
}

// history keeps the samples of the last hour.
type history struct {
	mu      sync.Mutex
	samples []sample // the oldest first
}

// Sample keeps the history, a sample every step (0: ten seconds), until ctx ends.
func (s *Server) Sample(ctx context.Context, step time.Duration) {
	if step == 0 {
		step = historyStep
	}
	again := time.NewTicker(step)
	defer again.Stop()
	for {
		s.takeSample()
		s.parts.since(s.deps.Ready(ctx))
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

func (s *Server) takeSample() { s.history.add(s.gather()) }

// gather reads what the charts' metrics say now.
func (s *Server) gather() sample {
	families, err := s.deps.Registry.Gather()
	if err != nil {
		s.deps.Log.Debug("metrics are incomplete", "error", err)
	}
	return read(time.Now(), families)
}

// read takes from a gathering what the charts show.
func read(at time.Time, families []*dto.MetricFamily) sample {
	taken := sample{at, map[string]map[string]reading{}}
	for _, c := range charts {
		i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == c.metric })
		if i < 0 {
			continue
		}
		series := map[string]reading{}
		for _, m := range families[i].GetMetric() {
			name := c.name
			for _, label := range m.GetLabel() {
				if label.GetName() == c.by {
					name = label.GetValue()
				}
			}
			sum := series[name]
			histogram := m.GetHistogram()
			sum.value += m.GetCounter().GetValue() + m.GetGauge().GetValue() + histogram.GetSampleSum()
			sum.count += float64(histogram.GetSampleCount())
			series[name] = sum
		}
		taken.readings[c.name] = series
	}
	return taken
}

func (h *history) add(s sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.samples) == historyPoints {
		h.samples = slices.Delete(h.samples, 0, 1)
	}
	h.samples = append(h.samples, s)
}

// timeline works out every chart's points.
func (h *history) timeline() timeline {
	h.mu.Lock()
	samples := slices.Clone(h.samples)
	h.mu.Unlock()
	told := timeline{Times: make([]float64, len(samples)), Plots: map[string]plot{}}
	for i, s := range samples {
		told.Times[i] = float64(s.at.UnixMicro()) / 1e6 // samples that were late may lie close to the next
	}
	for _, c := range charts {
		if c.kind == counted {
			continue
		}
		drawn := plot{c.kind, map[string][]point{}}
		if len(samples) > 0 {
			for name := range samples[len(samples)-1].readings[c.name] {
				points := make([]point, len(samples))
				for i := range samples {
					points[i] = between(c, name, samples[max(0, i-1)], samples[i])
				}
				drawn.Series[name] = points
			}
		}
		told.Plots[c.name] = drawn
	}
	return told
}

// between returns the point of a series at the later of two moments. A series that
// the earlier one lacks counted from 0. The oldest sample has none before it, and
// is only good for a level.
func between(c chart, series string, earlier, later sample) point {
	now, known := later.readings[c.name][series]
	before := earlier.readings[c.name][series]
	value, count := now.value-before.value, now.count-before.count
	elapsed := later.at.Sub(earlier.at).Seconds()
	switch {
	case known && c.kind == level:
		return point(now.value)
	case known && c.kind == meanTime && count > 0:
		return point(value / count)
	case known && c.kind == perSecond && elapsed > 0:
		return point(max(0, value) / elapsed)
	}
	return point(math.NaN())
}
