package tracing

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

const (
	trace1 = "0af7651916cd43dd8448eb211c80319c"
	span1  = "b7ad6b7169203331"
)

// started makes what sends spans to a collector; close sends what there is.
func started(t *testing.T, ratio float64) (tracing *Tracing, collector *testenv.Collector, close func()) {
	t.Helper()
	collector = testenv.StartCollector(t)
	cfg := Defaults()
	cfg.Endpoint, cfg.SampleRatio, cfg.Headers = collector.URL+"/", ratio, map[string]string{"Authorization": "Bearer geheim"}
	tracing, err := New(cfg, "1.2.3", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	close = func() {
		if err := tracing.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(close)
	return tracing, collector, close
}

// request begins a request with that traceparent, and returns what the app is sent, after
// the request has ended.
func (t *Tracing) request(parent string, trusted bool) (sent string) {
	ctx, end := t.Request(context.Background(), []byte(parent), []byte("a=b"), trusted, time.Now())
	sent = string(t.AppendHeaders(ctx, nil))
	if end != nil {
		end("GET", "")
	}
	return sent
}

// TestWhoDecides: a trusted peer's parent is continued, and says what is recorded; anybody
// else's is only linked to, and the ratio decides.
func TestWhoDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ratio     float64
		parent    string
		trusted   bool
		recorded  bool
		continued bool
	}{
		"nobody says anything, all":     {1, "", true, true, false},
		"nobody says anything, none":    {0, "", true, false, false},
		"a trusted peer says yes":       {0, "00-" + trace1 + "-" + span1 + "-01", true, true, true},
		"a trusted peer says no":        {1, "00-" + trace1 + "-" + span1 + "-00", true, false, true},
		"anybody says yes":              {0, "00-" + trace1 + "-" + span1 + "-01", false, false, false},
		"anybody says no":               {1, "00-" + trace1 + "-" + span1 + "-00", false, true, false},
		"a trusted peer makes no sense": {1, "00-" + strings.ToUpper(trace1) + "-" + span1 + "-01", true, true, false},
		"a version to come":             {0, "cc-" + trace1 + "-" + span1 + "-01-more", true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracing, collector, close := started(t, c.ratio)
			sent := tracing.request(c.parent, c.trusted)
			if flag := strings.Contains(sent, "-01\r\n"); flag != c.recorded || strings.Contains(sent, "traceparent: 00-"+trace1) != c.continued ||
				strings.Contains(sent, "tracestate: a=b\r\n") != c.continued {
				t.Errorf("the app is sent %q", sent)
			}
			close()
			spans := collector.Spans("")
			if (len(spans) == 1) != c.recorded {
				t.Fatalf("%d spans", len(spans))
			}
			if !c.recorded {
				return
			}
			if span := spans[0]; c.continued && span.Parent != span1 || !c.continued && (span.Parent != "" || span.Trace == trace1) ||
				(len(span.Linked) == 1) != (c.parent != "" && !c.trusted) {
				t.Errorf("the span is %+v", span)
			}
			if !collector.Holds("Authorization:[Bearer geheim]") {
				t.Error("the collector did not get tracing.headers")
			}
		})
	}
}

// What is not recorded has no spans below it, and none begin elsewhere.
func TestOnlyRecordedRequestsHaveSpans(t *testing.T) {
	t.Parallel()
	tracing, _, _ := started(t, 0)
	request, _ := tracing.Request(t.Context(), nil, nil, true, time.Now())
	for _, ctx := range []context.Context{t.Context(), request} {
		within, end := tracing.Span(ctx, "span")
		if _, called := tracing.Call(ctx, "call"); end != nil || called != nil || within != ctx {
			t.Error("a span began")
		}
	}
}

// Attributes keep within their bounds, and what is no text does not spoil the batch.
func TestAttributes(t *testing.T) {
	t.Parallel()
	tracing, collector, close := started(t, 1)
	_, end := tracing.Request(t.Context(), nil, nil, true, time.Now())
	end("GET", "500", slog.String("long", strings.Repeat("x", 10<<10)), slog.String("odd", "a\xffb"), slog.Int("n", 3), slog.Bool("yes", true),
		slog.Float64("half", .5), slog.String("http.request.header.x-request-id", "mine"))
	close()
	span := collector.Spans("")[0]
	if got := span.Attributes; len(got["long"].(string)) != longestText || got["odd"] != "a\uFFFDb" || got["n"] != int64(3) || got["yes"] != true || got["half"] != .5 ||
		!strings.Contains(got["http.request.header.x-request-id"].(string), "array_value") || got["error.type"] != "500" || !span.Failed {
		t.Errorf("%+v", span)
	}
}

// TestLog: a line has its trace's id where its context has one, and no other has.
func TestLog(t *testing.T) {
	t.Parallel()
	tracing, _, _ := started(t, 0)
	ctx, _ := tracing.Request(t.Context(), []byte("00-"+trace1+"-"+span1+"-00"), nil, true, time.Now())
	var text bytes.Buffer
	log := tracing.Log(slog.New(slog.NewTextHandler(&text, nil))).With("a", 1)
	log.Info("without")
	log.InfoContext(ctx, "with")
	if lines := strings.Split(text.String(), "\n"); strings.Contains(lines[0], "trace_id") || !strings.Contains(lines[1], " trace_id="+trace1+" span_id=") {
		t.Error(text.String())
	}
}

// What a collector says of a batch.
func TestCollectorAnswers(t *testing.T) {
	t.Parallel()
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2)
	partial = protowire.AppendBytes(protowire.AppendTag(partial, 2, protowire.BytesType), []byte("too many"))
	said := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
	for name, c := range map[string]struct {
		status  int
		body    []byte
		refused bool
		failed  bool
	}{
		"fine":                {200, nil, false, false},
		"accepted":            {202, nil, false, false},
		"some were refused":   {200, said, false, true},
		"cut off":             {200, said[:3], false, false},
		"no protobuf":         {200, []byte("thanks"), false, false},
		"too many":            {429, nil, false, true},
		"not now":             {503, nil, false, true},
		"no such page":        {404, nil, true, true},
		"elsewhere":           {307, nil, true, true},
		"it does not mean me": {401, nil, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector := testenv.StartCollector(t)
			collector.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Location", collector.URL+"/elsewhere")
				w.WriteHeader(c.status)
				_, _ = w.Write(c.body)
				return false
			})
			err := newCollector(Config{Endpoint: collector.URL}).UploadTraces(t.Context(), nil)
			if (err != nil) != c.failed || (err != nil && strings.Contains(err.Error(), errRefused.Error())) != c.refused {
				t.Errorf("%v", err)
			}
		})
	}
	if n := rejected(said); n != 2 {
		t.Errorf("%d rejected", n)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		edit func(*Config)
		key  string // "": fine
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Endpoint = "http://127.0.0.1:4318" }, ""},
		{func(c *Config) { c.Endpoint = "https://collector/otlp/v1/traces" }, ""},
		{func(c *Config) { c.Endpoint = "127.0.0.1:4318" }, "endpoint"},
		{func(c *Config) { c.Endpoint = "grpc://127.0.0.1:4317" }, "endpoint"},
		{func(c *Config) { c.Endpoint = "https://user:geheim@collector" }, "endpoint"},
		{func(c *Config) { c.Endpoint = "https://collector?key=geheim" }, "endpoint"},
		{func(c *Config) { c.Headers = map[string]string{"X Y": "geheim"} }, "headers"},
		{func(c *Config) { c.Headers = map[string]string{"X": "geheim\r\nY: z"} }, "headers"},
		{func(c *Config) { c.SampleRatio = 1.1 }, "sample_ratio"},
		{func(c *Config) { c.SampleRatio = math.NaN() }, "sample_ratio"},
		{func(c *Config) { c.ServiceName = "" }, "service_name"},
	} {
		cfg := Defaults()
		c.edit(&cfg)
		err := cfg.Validate()
		if (err == nil) != (c.key == "") || err != nil && (!strings.HasPrefix(err.Error(), "tracing."+c.key+": ") || strings.Contains(err.Error(), "geheim")) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
