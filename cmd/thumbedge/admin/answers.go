package admin

import (
	"context"
	"encoding/json"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/thumbedge/thumbedge/resolver"
)

// Answers are what an operator asks first, answered in sentences with their figures: is
// anything wrong, what does it save me, what should I change. A list is never empty.
type Answers struct {
	Wrong  []Sentence `json:"wrong"`
	Saved  []Sentence `json:"saved"`
	Change []Sentence `json:"change"`
}

// Sentence is one of them.
type Sentence struct {
	State   string `json:"state"` // "ok", "degraded" or "down"; of what is no judgement "ok"
	Text    string `json:"text"`
	Runbook string `json:"runbook,omitempty"` // the section that says what to do
}

// facts are what the answers follow from, and all that they follow from.
type facts struct {
	now       time.Time
	started   time.Time
	span      time.Duration // that a count's lately is of: an hour at most
	readiness Readiness
	counted   map[string]map[string]count // by chart and series
	full      map[string]map[string]float64
	failures  Failures
	curve     resolver.Curve
	responses *responseCache // nil: off
	anonymous string         // responses.anonymous_pages in force
	reconcile *lastReconcile // nil: none is known

	reconciled json.RawMessage // all of its summary
}

// lastReconcile is what the answers need of reconcile's summary.
type lastReconcile struct {
	Finished     time.Time `json:"finished"`
	Apply        bool      `json:"apply"`
	Refused      string    `json:"refused"`
	RowsFileGone int64     `json:"rows_file_gone"`
	FilesUnnamed int64     `json:"files_unnamed"`
}

// facts gathers them.
func (s *Server) facts(ctx context.Context) facts {
	latest := s.gather()
	counted, full, span := s.history.reckon(latest, s.started)
	f := facts{
		now: latest.at, started: s.started, span: span, readiness: s.parts.since(s.deps.Ready(ctx)),
		counted: counted, full: full, failures: s.failures(), curve: s.deps.WarmSet.Curve(), responses: s.responses(),
	}
	for _, setting := range s.deps.Config() {
		if setting.Key == "responses.anonymous_pages" {
			f.anonymous = setting.Value
		}
	}
	if s.deps.Reconciled != nil {
		f.reconciled = s.deps.Reconciled(ctx)
		if last := new(lastReconcile); json.Unmarshal(f.reconciled, last) == nil && f.reconciled != nil {
			f.reconcile = last
		}
	}
	return f
}

func (f *facts) answers() Answers {
	return Answers{Wrong: f.wrong(), Saved: f.saved(), Change: f.change()}
}

// lately adds up what series of a chart counted lately; none named: all of them.
func (f *facts) lately(chart string, series ...string) int64 {
	return f.sum(chart, series, func(c count) float64 { return c.lately })
}

// ever adds up what they counted since the start.
func (f *facts) ever(chart string, series ...string) int64 {
	return f.sum(chart, series, func(c count) float64 { return c.ever })
}

// figures writes what there was of something lately and since the start, and of which
// times those figures are. Where the start is less than an hour ago the two are one.
func (f *facts) figures(lately, ever int64, one, many string) string {
	text := several(lately, one, many) + " " + f.period()
	if !f.young() {
		text += ", " + humanize.Comma(ever) + " since the start " + ago(f.now.Sub(f.started))
	}
	return text
}

// young says whether lately is all the time since the start.
func (f *facts) young() bool { return f.now.Sub(f.started)-f.span < time.Minute }

// period says which time the figures that are called lately are of.
func (f *facts) period() string {
	switch {
	case f.young():
		return "since the start " + ago(f.span)
	case f.span >= 59*time.Minute:
		return "in the last hour"
	}
	return "in the last " + length(f.span)
}

func (f *facts) sum(chart string, series []string, of func(count) float64) int64 {
	sum := 0.0
	for _, name := range series {
		sum += of(f.counted[chart][name])
	}
	if len(series) == 0 {
		for _, c := range f.counted[chart] {
			sum += of(c)
		}
	}
	return int64(sum)
}
