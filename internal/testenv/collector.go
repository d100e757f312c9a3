package testenv

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Span is a span as a collector has it.
type Span struct {
	Trace, ID, Parent string // hexadecimal; Parent "": the trace begins here
	State             string // tracestate
	Name              string
	Kind              tracepb.Span_SpanKind
	Failed            bool
	Began, Ended      uint64 // Unix time in nanoseconds
	Attributes        map[string]any
	Linked            []string // ids of spans
	Resource          map[string]any
}

// Collector takes spans by OTLP over HTTP, as OpenTelemetry's does, and keeps them.
type Collector struct {
	URL string

	mu     sync.Mutex
	spans  []Span
	sent   [][]byte // requests, their headers too
	errs   []error
	answer func(w http.ResponseWriter, r *http.Request) bool
}

// StartCollector starts a collector, which ends with the test.
func StartCollector(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(c)
	c.URL = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, err := range c.errs {
			t.Errorf("the collector: %v", err)
		}
	})
	return c
}

// Answer has requests answered by another function, which says whether the collector
// is to take them after all; nil: it is.
func (c *Collector) Answer(answer func(w http.ResponseWriter, r *http.Request) (take bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// ServeHTTP takes spans.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	answer := c.answer
	c.mu.Unlock()
	if answer != nil && !answer(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	var sent []*tracepb.ResourceSpans
	if err == nil {
		sent, err = readExport(body)
	}
	if err == nil && (r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf") {
		err = fmt.Errorf("%s %s, %s", r.Method, r.URL, r.Header)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, append(fmt.Appendf(nil, "%v\n", r.Header), body...))
	if err != nil {
		c.errs = append(c.errs, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, of := range sent {
		for _, scope := range of.ScopeSpans {
			for _, span := range scope.Spans {
				c.spans = append(c.spans, spanOf(span, attributesOf(of.Resource.GetAttributes())))
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// readExport reads an ExportTraceServiceRequest, which is nothing but ResourceSpans as its
// field 1. Its own Go package links gRPC.
func readExport(body []byte) (sent []*tracepb.ResourceSpans, err error) {
	for len(body) > 0 {
		number, kind, n := protowire.ConsumeTag(body)
		if n < 0 || number != 1 || kind != protowire.BytesType {
			return nil, fmt.Errorf("field %d of kind %d in an ExportTraceServiceRequest", number, kind)
		}
		message, size := protowire.ConsumeBytes(body[n:])
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		spans := new(tracepb.ResourceSpans)
		if err := proto.Unmarshal(message, spans); err != nil {
			return nil, fmt.Errorf("reading spans: %w", err)
		}
		sent, body = append(sent, spans), body[n+size:]
	}
	return sent, nil
}

func spanOf(s *tracepb.Span, resource map[string]any) Span {
	span := Span{
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId), State: s.TraceState,
		Name: s.Name, Kind: s.Kind, Failed: s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR,
		Began: s.StartTimeUnixNano, Ended: s.EndTimeUnixNano, Attributes: attributesOf(s.Attributes), Resource: resource,
	}
	for _, link := range s.Links {
		span.Linked = append(span.Linked, hex.EncodeToString(link.SpanId))
	}
	return span
}

func attributesOf(attributes []*commonpb.KeyValue) map[string]any {
	values := map[string]any{}
	for _, a := range attributes {
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			values[a.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			values[a.Key] = v.IntValue
		case *commonpb.AnyValue_BoolValue:
			values[a.Key] = v.BoolValue
		case *commonpb.AnyValue_DoubleValue:
			values[a.Key] = v.DoubleValue
		default:
			values[a.Key] = a.Value.String()
		}
	}
	return values
}

// Spans returns the spans that came, of one trace where that is not "".
func (c *Collector) Spans(trace string) (spans []Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range c.spans {
		if trace == "" || span.Trace == trace {
			spans = append(spans, span)
		}
	}
	return spans
}

// Holds says whether a text has come in any request, its headers included.
func (c *Collector) Holds(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.sent, func(request []byte) bool { return strings.Contains(string(request), text) })
}

// Matches says whether a pattern is found in any request, its headers included.
func (c *Collector) Matches(pattern *regexp.Regexp) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.sent, pattern.Match)
}

// Tree writes a trace's spans as their names, each below its parent and indented, those
// with one parent in the order of their names. A span whose parent is not there begins a
// tree, too.
func Tree(spans []Span) string {
	known, below := map[string]bool{}, map[string][]Span{}
	for _, span := range spans {
		known[span.ID] = true
	}
	for _, span := range spans {
		parent := span.Parent
		if !known[parent] {
			parent = ""
		}
		below[parent] = append(below[parent], span)
	}
	var text strings.Builder
	var write func(parent, indent string)
	write = func(parent, indent string) {
		slices.SortFunc(below[parent], func(a, b Span) int { return strings.Compare(a.Name, b.Name) })
		for _, span := range below[parent] {
			text.WriteString(indent + span.Name + "\n")
			write(span.ID, indent+"  ")
		}
	}
	write("", "")
	return text.String()
}
