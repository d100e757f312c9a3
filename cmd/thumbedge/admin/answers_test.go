package admin_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/deploy"
)

// site is what the answers of a test are about: a listener whose metrics and parts the
// test sets. It lives in a synctest bubble.
type site struct {
	*listener
	counters  map[string]*prometheus.CounterVec
	gauges    map[string]*prometheus.GaugeVec
	storage   atomic.Pointer[admin.Part] // the sampler reads it meanwhile
	reconcile string
	server    *admin.Server
}

func newSite(l *listener) *site {
	s := &site{
		listener: l, counters: map[string]*prometheus.CounterVec{}, gauges: map[string]*prometheus.GaugeVec{},
		reconcile: `{"finished": "2100-01-01T00:00:00Z"}`,
	}
	s.storage.Store(&admin.Part{Name: "storage", State: "ok"})
	var cache drops
	registry := prometheus.NewRegistry()
	for name, label := range map[string]string{
		"upstream_errors_total": "reason", "page_labels_total": "verdict", "thumbnail_requests_total": "outcome", "cold_labels_total": "outcome",
		"responses_requests_total": "result", "pages_total": "outcome", "spool_full_total": "outcome",
	} {
		s.counters[name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "thumbedge_" + name}, []string{label})
		registry.MustRegister(s.counters[name])
	}
	for _, name := range []string{"panics_total", "signed_labels_total", "responses_saved_bytes_total", "cold_original_bytes_total", "pages_unresolved_total"} {
		s.counters[name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "thumbedge_" + name}, nil)
		registry.MustRegister(s.counters[name])
	}
	for _, name := range []string{"cold_used", "cold_limit"} {
		s.gauges[name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "thumbedge_" + name}, []string{"resource"})
		registry.MustRegister(s.gauges[name])
	}
	s.server = admin.New(admin.Defaults(), admin.Deps{
		WarmSet: l.warm, Registry: registry, Log: slog.New(slog.DiscardHandler), Runbook: deploy.Runbook, Responses: &cache,
		Config: func() []admin.Setting { return []admin.Setting{{Key: "responses.anonymous_pages", Value: "0s"}} },
		Reconciled: func(context.Context) json.RawMessage {
			if s.reconcile == "" {
				return nil
			}
			return json.RawMessage(s.reconcile)
		},
		Ready: func(context.Context) admin.Readiness {
			return admin.Readiness{Ready: true, Parts: []admin.Part{{Name: "app", State: "ok"}, *s.storage.Load()}}
		},
	})
	l.handler = s.server.Handler()
	return s
}

func (s *site) answers() (told admin.Answers) {
	s.Helper()
	var status struct{ Answers admin.Answers }
	s.into(s.request("GET", "/status", ""), &status)
	return status.Answers
}

// says looks for sentences that hold each text, and for none more.
func says(t *testing.T, what string, got []admin.Sentence, want ...string) {
	t.Helper()
	for i, text := range want {
		if i >= len(got) || !strings.Contains(got[i].Text, text) {
			t.Errorf("%s: sentence %d lacks %q: %+v", what, i+1, text, got)
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d sentences, want %d: %+v", what, len(got), len(want), got)
	}
}

// TestAnswers: an operator's questions are answered by what was counted in the last hour,
// and by how the parts are; an incident of two hours ago is no matter any more, what was
// saved since the start is.
func TestAnswers(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(l)
		ctx, stop := context.WithCancel(t.Context())
		sampled := make(chan struct{})
		go func() { defer close(sampled); s.server.Sample(ctx, 0) }()
		pass := func(d time.Duration) { <-time.After(d); synctest.Wait() }
		synctest.Wait()

		pass(90 * time.Second)
		told := s.answers()
		says(t, "at first", told.Wrong, "Nothing is wrong: each of 2 parts is as it should be, and nothing has failed since the start 90 seconds ago.")
		says(t, "at first", told.Saved, "Nothing yet: no page with thumbnails has come by since the start 90 seconds ago.")
		says(t, "at first", told.Change, "Nothing, as far as this process can tell.")
		if told.Wrong[0].State != "ok" || told.Change[0].State != "ok" {
			t.Errorf("%+v", told)
		}

		count := func(metric string, n float64, label ...string) { s.counters[metric].WithLabelValues(label...).Add(n) }
		count("page_labels_total", 1200, "warm")
		count("page_labels_total", 7, "cold")
		count("thumbnail_requests_total", 34, "cold")
		count("thumbnail_requests_total", 5, "busy")
		count("cold_labels_total", 34, "made")
		count("cold_original_bytes_total", 3<<20)
		count("signed_labels_total", 80)
		count("responses_requests_total", 60, "hit")
		count("responses_requests_total", 40, "miss")
		count("responses_saved_bytes_total", 5<<20)
		count("upstream_errors_total", 3, "timeout")
		count("upstream_errors_total", 1200, "refused")
		count("panics_total", 1)
		count("pages_total", 5000, "untouched")
		count("page_labels_total", 9, "other_authority")
		s.gauges["cold_limit"].WithLabelValues("workers").Set(2)
		s.gauges["cold_used"].WithLabelValues("workers").Set(2)
		s.storage.Store(&admin.Part{Name: "storage", State: "down", Effect: "it does not answer"})
		s.reconcile = ""
		pass(time.Minute)
		s.gauges["cold_used"].WithLabelValues("workers").Set(1)
		pass(30 * time.Minute)
		told = s.answers()
		says(t, "half an hour on", told.Wrong,
			"Storage is down since 00:01:40 UTC, 30 minutes ago: it does not answer.",
			"The app gave no usable answer to 1,203 requests (1,200 refused, 3 timeout) since the start 32 minutes ago.",
			"1 panic was contained")
		says(t, "half an hour on", told.Saved,
			"The app was spared up to 1,234 thumbnail requests since the start 32 minutes ago: 1,200 times pages named the file in place of the app's route, and 34 were answered here.",
			"It was spared 34 decodes of originals since the start 32 minutes ago. Here 3.0 MiB of originals were fetched",
			"load the original, 80 times since the start 32 minutes ago.",
			"The response cache answered 60 requests since the start 32 minutes ago, of 100 that it may answer. The app did not have to send 5.0 MiB.")
		says(t, "half an hour on", told.Change,
			"9 route URLs named another host", "The app made 5,000 pages since the start 32 minutes ago. responses.anonymous_pages", "Nobody has looked yet whether each row has its file")

		s.storage.Store(&admin.Part{Name: "storage", State: "ok"})
		s.reconcile = `{"finished": "1999-11-01T00:00:00Z", "apply": true}`
		s.gauges["cold_used"].WithLabelValues("workers").Set(2)
		pass(2 * time.Hour)
		count("page_labels_total", 1, "warm")
		told = s.answers()
		says(t, "two hours later", told.Wrong, "Nothing is wrong: each of 2 parts is as it should be, and nothing has failed in the last hour.")
		says(t, "two hours later", told.Saved[:1], "up to 1 thumbnail request in the last hour, 1,235 since the start 2 hours ago: once pages named")
		says(t, "two hours later", told.Change, "All render workers were busy for 100 % of the time in the last hour", "was 61 days ago")
		stop()
		<-sampled
	})
}

// TestAnswersOfReconcile: what its last run found is asked for, and what it repaired is not.
func TestAnswersOfReconcile(t *testing.T) {
	t.Parallel()
	s := newSite(newListener(t, ""))
	for summary, want := range map[string]string{
		`{"finished": "2100-01-01T00:00:00Z", "rows_file_gone": 1, "files_unnamed": 2000}`:                 "1 row whose file is gone, and 2,000 files that no row names: thumbedge reconcile --apply",
		`{"finished": "2100-01-01T00:00:00Z", "rows_file_gone": 1, "files_unnamed": 2, "apply": true}`:     "Nothing",
		`{"finished": "2100-01-01T00:00:00Z", "apply": true, "refused": "no row names most of the files"}`: "The last reconcile was refused: no row names most of the files.",
		`{"finished": "2001-01-01T00:00:00Z"}`:                                                             "run thumbedge reconcile.",
		``:                                                                                                 "Nobody has looked yet",
		`nonsense`:                                                                                         "Nobody has looked yet",
	} {
		s.reconcile = summary
		if summary == "nonsense" {
			s.reconcile = `"nonsense"`
		}
		says(t, summary, s.answers().Change, want)
	}
}

// TestAnswersLeadIntoTheRunbook: each section that a sentence may name is in the runbook
// that this build shows, under the name that the link has.
func TestAnswersLeadIntoTheRunbook(t *testing.T) {
	t.Parallel()
	s := newSite(newListener(t, ""))
	page := s.request("GET", "/runbook", "").Body.String()
	for _, name := range append(admin.RunbookSections(), "Running thumbedge") {
		if !strings.Contains(page, `id="`+admin.Slug(name)+`"><h2>`+name+`</h2>`) {
			t.Errorf("the runbook has no section %q", name)
		}
	}
	if !strings.Contains(page, "thumbedge explain 17") || strings.Contains(page, "<h2>drops one URL") {
		t.Error("the runbook's commands are not there, or a comment in them is taken for a heading")
	}
}

// TestStatusPageNeedsNoScript: the answers, the list of failures and the way to each stand
// in the page itself, as text.
func TestStatusPageNeedsNoScript(t *testing.T) {
	t.Parallel()
	s := newSite(newListener(t, ""))
	s.storage.Store(&admin.Part{Name: "storage", State: "down", Effect: `<script>alert(1)</script>`})
	page := s.request("GET", "/", "").Body.String()
	for _, want := range []string{
		"Storage is down since", `<a href="/runbook#storage-is-away">Runbook: Storage is away</a>`, "Nothing yet: no page",
		"&lt;script&gt;alert(1)&lt;/script&gt;", `<form action="/explain" role="search">`, "No thumbnail has failed lately.", "responses.anonymous_pages",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<script>alert") {
		t.Error("what a part says is markup")
	}
}
