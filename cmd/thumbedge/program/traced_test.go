package program_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// traced has a site send its spans to a collector.
func traced(t *testing.T, edit ...func(*config.File)) (*testenv.Collector, siteOption) {
	collector := testenv.StartCollector(t)
	return collector, func(s *site) {
		s.file.Tracing.Endpoint = collector.URL
		for _, edit := range edit {
			edit(s.file)
		}
	}
}

// The ids of a client's own trace.
const (
	clientsTrace = "0af7651916cd43dd8448eb211c80319c"
	clientsSpan  = "b7ad6b7169203331"
	clientsState = "vendor=opaque"
)

func parentOf(trace, span, flags string) string { return "00-" + trace + "-" + span + "-" + flags }

// tree waits for a trace's spans, and compares them.
func (s *site) tree(collector *testenv.Collector, trace, want string) []testenv.Span {
	s.Helper()
	want = strings.TrimLeft(want, "\n")
	defer func() {
		if s.Failed() {
			s.Logf("came:\n%s", testenv.Tree(collector.Spans(trace)))
		}
	}()
	s.eventually("the trace's spans come", func() bool { return len(collector.Spans(trace)) >= strings.Count(want, "\n") })
	spans := collector.Spans(trace)
	if got := testenv.Tree(spans); got != want {
		s.Errorf("the trace is\n%s\nwant\n%s", got, want)
	}
	return spans
}

// named returns the one span of a name.
func (s *site) named(spans []testenv.Span, name string) testenv.Span {
	s.Helper()
	var found []testenv.Span
	for _, span := range spans {
		if span.Name == name {
			found = append(found, span)
		}
	}
	if len(found) != 1 {
		s.Fatalf("%d spans %q", len(found), name)
	}
	return found[0]
}

// TestTraceOfAPage: the client's trace goes on in ours, and in the app.
func TestTraceOfAPage(t *testing.T) {
	t.Parallel()
	collector, option := traced(t, func(f *config.File) { f.Log.Access = true })
	s := newSite(t, option, recorded)
	id := s.capture()
	s.row(id, "small", 240)
	s.get(s.url+"/api/v2/captures/?limit=1&token=geheim", "traceparent", parentOf(clientsTrace, clientsSpan, "01"), "tracestate", clientsState,
		"Cookie", "sessionid=geheim")
	spans := s.tree(collector, clientsTrace, `
GET /api/v2/captures/*
  GET
  rewrite
    resolve
      captures
`)
	server, app, query := s.named(spans, "GET /api/v2/captures/*"), s.named(spans, "GET"), s.named(spans, "captures")
	if server.Parent != clientsSpan || server.Kind != tracepb.Span_SPAN_KIND_SERVER || app.Kind != tracepb.Span_SPAN_KIND_CLIENT || query.Kind != tracepb.Span_SPAN_KIND_CLIENT {
		t.Errorf("%+v\n%+v\n%+v", server, app, query)
	}
	for name, want := range map[string]any{
		"http.request.method": "GET", "url.path": "/api/v2/captures/", "http.route": "/api/v2/captures/*", "http.response.status_code": int64(200),
		"server.address": "127.0.0.1", "client.address": "127.0.0.1", "thumbedge.route": "page",
	} {
		if got := server.Attributes[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := app.Attributes["url.full"]; got != s.appURL+"/api/v2/captures/" {
		t.Errorf("url.full is %v", got)
	}
	if got := query.Attributes["db.system.name"]; got != "postgresql" {
		t.Errorf("db.system.name is %v", got)
	}
	if server.Resource["service.name"] != "thumbedge" {
		t.Errorf("the resource is %v", server.Resource)
	}
	if parents := s.recorded.header("traceparent"); len(parents) != 1 || parents[0] != parentOf(clientsTrace, app.ID, "01") {
		t.Errorf("the app got traceparent %q, the span is %s", parents, app.ID)
	}
	if states := s.recorded.header("tracestate"); len(states) != 1 || states[0] != clientsState {
		t.Errorf("the app got tracestate %q", states)
	}
	if collector.Holds("geheim") {
		t.Error("the collector got a secret")
	}
	if want := "trace_id=" + clientsTrace + " span_id=" + server.ID; !strings.Contains(s.log.all(), want) {
		t.Errorf("no line of the log has %s:\n%s", want, s.log.all())
	}
}

// TestTraceOfAColdThumbnail shows where its time goes.
func TestTraceOfAColdThumbnail(t *testing.T) {
	t.Parallel()
	collector, option := traced(t)
	s := newSite(t, option)
	s.get(s.route(s.capture(), "?label=small"), "traceparent", parentOf(clientsTrace, clientsSpan, "01"))
	s.tree(collector, clientsTrace, `
GET /api/v2/captures/thumbnails/{id}/
  resolve
    captures
  thumbnail
    core
    discard
    fetch
    lease
    original
    render
    store
    upsert
    wait
`)
}

// Without [tracing] the headers of a trace pass as they came, and nothing is added.
func TestUntracedHeadersPassAsTheyCame(t *testing.T) {
	t.Parallel()
	s := newSite(t, recorded)
	s.capture()
	s.get(s.url + "/api/v2/captures/?limit=1")
	if got := s.recorded.header("traceparent"); got != nil {
		t.Errorf("traceparent %q was added", got)
	}
	odd := "00-" + strings.ToUpper(clientsTrace) + "-x"
	s.get(s.url+"/api/v2/captures/?limit=1", "traceparent", odd, "tracestate", "a=b,, c=d")
	if got := s.recorded.header("traceparent"); len(got) != 1 || got[0] != odd {
		t.Errorf("traceparent became %q", got)
	}
	if got := s.recorded.header("tracestate"); len(got) != 1 || got[0] != "a=b,, c=d" {
		t.Errorf("tracestate became %q", got)
	}
}

// TestTracesOfOneJob: who asks for a thumbnail that is being made for somebody else has a
// trace that leads to theirs.
func TestTracesOfOneJob(t *testing.T) {
	t.Parallel()
	collector, option := traced(t)
	s := newSite(t, option)
	release := s.originals.hold()
	defer release()
	id, others := s.capture(), strings.Repeat("1", 32)
	var clients sync.WaitGroup
	clients.Go(func() { s.get(s.route(id, "?label=small"), "traceparent", parentOf(clientsTrace, clientsSpan, "01")) })
	s.eventually("the job is in hand", func() bool { return s.metric(`thumbedge_cold_used{resource="captures"}`) == 1 })
	clients.Go(func() { s.get(s.route(id, "?label=medium"), "traceparent", parentOf(others, clientsSpan, "01")) })
	s.eventually("the other joins it", func() bool { return s.metric("thumbedge_cold_coalesced_total") == 1 })
	release()
	clients.Wait()
	first := func() (span testenv.Span) {
		for _, span = range collector.Spans(clientsTrace) {
			if span.Name == "thumbnail" {
				return span
			}
		}
		return span
	}
	s.eventually("the first one's spans come", func() bool { return first().Name == "thumbnail" })
	joined := s.named(s.tree(collector, others, `
GET /api/v2/captures/thumbnails/{id}/
  resolve
  thumbnail
`), "thumbnail")
	if len(joined.Linked) != 1 || joined.Linked[0] != first().ID {
		t.Errorf("it is linked to %q, the first is %s", joined.Linked, first().ID)
	}
}

// TestSpansHoldNoSecrets: what signs for private files is in no span, whether it is part of
// a request, of an answer, or of what storage is asked.
func TestSpansHoldNoSecrets(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]siteOption{"filesystem": signing, "s3": onPrivateS3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector, following := traced(t, func(f *config.File) { f.Tracing.Headers = map[string]string{"X-Key": "hunter2"} })
			s := newPrivateSite(t, option, following)
			target := s.signedOf(s.captures(1)[0])
			path, query, _ := strings.Cut(target, "?")
			for i, odd := range []string{target, path + "%3F" + query, path + ";" + query, path + "?" + strings.ReplaceAll(query, "signature", "%73ignature"), target + "x", "/elsewhere?" + query} {
				trace := fmt.Sprintf("%032x", i+1)
				s.get(s.url+odd, "traceparent", parentOf(trace, clientsSpan, "01"), "Authorization", "Token hunter3", "Cookie", "sessionid=hunter3")
				s.eventually("its spans come", func() bool {
					return slices.ContainsFunc(collector.Spans(trace), func(span testenv.Span) bool { return span.Parent == clientsSpan })
				})
			}
			if collector.Matches(anySignature) || collector.Holds("hunter3") {
				t.Error("the collector got a secret")
			}
			if !collector.Holds("X-Key:[hunter2]") || strings.Contains(s.log.all(), "hunter2") {
				t.Error("the collector's own secret is not where it belongs")
			}
		})
	}
}

// TestCollectorThatHangsDelaysNobody: it costs spans, which are counted, and the end of the
// program a moment.
func TestCollectorThatHangsDelaysNobody(t *testing.T) {
	t.Parallel()
	collector, option := traced(t)
	gone := make(chan struct{})
	collector.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-gone:
		}
		return false
	})
	defer close(gone)
	s := newSite(t, option, recorded)
	target, ended := s.url+"/api/v2/captures/?limit=1", 0
	const waiting, batches = 2048, 2 * 512       // that the collector has, or that are about to be sent
	for ; ended <= waiting+batches; ended += 2 { // of each, at least
		if response, _ := s.get(target); response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
	}
	s.eventually("spans are dropped", func() bool { return s.metric(`thumbedge_spans_total{outcome="dropped"}`) > 0 })
	if got := s.metric("thumbedge_spans_waiting"); got != waiting {
		t.Errorf("%v spans wait, want %d", got, waiting)
	}
	if got := s.metric(`thumbedge_spans_total{outcome="sent"}`); got != 0 {
		t.Errorf("%v spans were sent", got)
	}
}
