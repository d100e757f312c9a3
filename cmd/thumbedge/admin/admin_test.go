package admin_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/explain"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/machine"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// database knows every capture, each with a valid row for every label.
type database struct{ specs thumb.Specs }

func (d database) Captures(_ context.Context, ids []thumb.ID) ([]thumb.Capture, error) {
	captures := make([]thumb.Capture, len(ids))
	for i, id := range ids {
		captures[i] = thumb.Capture{ID: id, Public: true}
		for _, spec := range d.specs {
			captures[i].Rows = append(captures[i].Rows, thumb.Row{Label: spec.Label, Width: spec.Width, Path: "thumbnails/x.jpg"})
		}
	}
	return captures, nil
}

type urls struct{}

func (urls) StorageURLs() thumb.StorageURLs { return thumb.StorageURLs{Base: "/media/"} }

// listener is an admin listener on a warm set of its own.
type listener struct {
	*testing.T
	warm     *resolver.WarmSet
	ready    bool
	handler  http.Handler
	registry *prometheus.Registry
	server   *admin.Server
}

// memory is how much the machine of the tests' listeners has.
const memory = 4 << 30

func newListener(t *testing.T, token string) *listener {
	return newListenerOn(t, "127.0.0.1:9090", token)
}

func newListenerOn(t *testing.T, listen, token string) *listener {
	t.Helper()
	cfg := resolver.Defaults()
	cfg.Specs = thumb.Specs{{Label: "small", Width: 240}}
	warm, err := resolver.New(cfg, resolver.Deps{
		Database: database{cfg.Specs}, URLs: urls{}, Log: slog.New(slog.DiscardHandler), Metrics: resolver.NewMetrics(nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(warm.Close)
	warm.Listening()
	warm.Heard()
	l := &listener{T: t, warm: warm, ready: true, registry: prometheus.NewRegistry()}
	l.server = admin.New(admin.Config{Listen: listen, Token: token}, admin.Deps{
		WarmSet: warm, Registry: l.registry, Log: slog.New(slog.DiscardHandler),
		Memory:  machine.Memory{Bytes: memory, Whose: "this machine"},
		Version: "test", Config: func() []admin.Setting { return []admin.Setting{{Key: "cache.max_size", Value: "64MiB"}} },
		Reconciled: func(context.Context) json.RawMessage { return nil },
		Explain:    func(context.Context, thumb.ID) (any, error) { return explain.Capture{Standing: "missing"}, nil },
		Ready: func(context.Context) admin.Readiness {
			return admin.Readiness{Ready: l.ready, Parts: []admin.Part{{Name: "app", State: "ok"}}}
		},
	})
	l.handler = l.server.Handler()
	return l
}

// request sends a request and returns its answer; headers are names and values,
// Host among them.
func (l *listener) request(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	l.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:9090"
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	l.handler.ServeHTTP(answer, r)
	return answer
}

// counted returns a counter of the listener's own.
func (l *listener) counted(name string) float64 {
	l.Helper()
	families, err := l.registry.Gather()
	if err != nil {
		l.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	l.Fatalf("there is no metric %s", name)
	return 0
}

// into reads a JSON answer.
func (l *listener) into(answer *httptest.ResponseRecorder, value any) {
	l.Helper()
	if err := json.Unmarshal(answer.Body.Bytes(), value); err != nil {
		l.Fatalf("%d %q: %v", answer.Code, answer.Body, err)
	}
}

// warmUp has the warm set hold a capture.
func (l *listener) warmUp(id thumb.ID) {
	l.Helper()
	answers := make([]thumb.Known, 1)
	if err := l.warm.Resolve(l.Context(), []thumb.ID{id}, answers); err != nil {
		l.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		l.warm.Heard()
		if _, held := l.warm.Lookup(id); held {
			return
		}
		select {
		case <-deadline:
			l.Fatalf("capture %d is not kept", id)
		case <-tick.C:
		}
	}
}

func TestCacheResizes(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	for body, want := range map[string]struct {
		status int
		size   int64
	}{
		`{"max_size": "32MiB"}`:              {200, 32 << 20},
		`{"max_size": "1"}`:                  {400, 64 << 20},
		`{"max_size": "5GiB"}`:               {400, 64 << 20}, // more than the machine has
		`{"max_size": "many"}`:               {400, 64 << 20},
		`{"max_size": "99999999999999999G"}`: {400, 64 << 20},
		`{"size": "128MiB"}`:                 {400, 64 << 20},
		``:                                   {400, 64 << 20},
		`{"max_size": "` + strings.Repeat("1", 8<<10) + `"}`: {400, 64 << 20},
	} {
		if err := l.warm.Resize(64 << 20); err != nil {
			t.Fatal(err)
		}
		answer := l.request("PUT", "/cache", body)
		if answer.Code != want.status || l.warm.State().MaxSize != want.size {
			t.Errorf("%.60s: %d %.80s, and the size is %d; want %d and %d", body, answer.Code, answer.Body, l.warm.State().MaxSize, want.status, want.size)
		}
		var state struct {
			MaxSize int64 `json:"max_size"`
			Detail  string
		}
		if l.into(answer, &state); want.status == 200 && state.MaxSize != want.size || want.status != 200 && state.Detail == "" {
			t.Errorf("%.60s: the answer is %.200s", body, answer.Body)
		}
	}
}

func TestCacheIsShownAndEmptied(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	l.warmUp(7)
	var state struct {
		resolver.State
		Curve resolver.Curve
	}
	if l.into(l.request("GET", "/cache", ""), &state); state.Captures != 1 || state.MaxSize != 64<<20 || state.Used == 0 {
		t.Errorf("%+v", state)
	}
	if sizes := state.Curve.Sizes; len(sizes) != 12 || sizes[0].MaxSize != 4<<20 || sizes[11].MaxSize != 512<<20 || state.Curve.Advice == "" {
		t.Errorf("the curve is %+v", state.Curve)
	}
	if l.into(l.request("DELETE", "/cache", ""), &state); state.Captures != 0 {
		t.Errorf("after DELETE: %+v", state)
	}
	if _, held := l.warm.Lookup(7); held {
		t.Error("the capture is still held")
	}
}

func TestCapture(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	l.warmUp(7)
	var entry resolver.Entry
	if l.into(l.request("GET", "/cache/captures/7", ""), &entry); entry.ID != 7 || len(entry.Labels) != 1 || entry.Labels[0].Verdict != "warm" {
		t.Errorf("%+v", entry)
	}
	for path, want := range map[string]int{"8": 404, "0": 400, "-1": 400, "x": 400, "99999999999999999999": 400} {
		if answer := l.request("GET", "/cache/captures/"+path, ""); answer.Code != want {
			t.Errorf("capture %s: %d, want %d", path, answer.Code, want)
		}
	}
	if answer := l.request("DELETE", "/cache/captures/7", ""); answer.Code != 204 {
		t.Errorf("DELETE: %d", answer.Code)
	}
	if answer := l.request("GET", "/cache/captures/7", ""); answer.Code != 404 {
		t.Errorf("it is still held: %d %s", answer.Code, answer.Body)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	for ready, want := range map[bool]int{true: 200, false: 503} {
		l.ready = ready
		answer := l.request("GET", "/readyz", "")
		var body admin.Readiness
		if l.into(answer, &body); answer.Code != want || body.Ready != ready || len(body.Parts) != 1 {
			t.Errorf("ready %v: %d %+v", ready, answer.Code, body)
		}
	}
}

func TestStatusPageIsSelfContained(t *testing.T) {
	t.Parallel()
	answer := newListener(t, "").request("GET", "/", "")
	page, _ := io.ReadAll(answer.Body)
	if answer.Code != 200 || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%d %v", answer.Code, answer.Header())
	}
	if policy := answer.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("the policy is %q", policy)
	}
	for _, outside := range []string{"src=", "@import", "url(", "https://"} {
		if strings.Contains(string(page), outside) {
			t.Errorf("the page has %q", outside)
		}
	}
}
