package program_test

import (
	"strings"
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
