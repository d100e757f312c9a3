package admin_test

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/proxy/responses"
)

// drops is a response cache that writes down what it was told to drop.
type drops []string

func (*drops) State() responses.State { return responses.State{Entries: 3, MaxSize: 64 << 20} }
func (*drops) Curve() responses.Curve {
	return responses.Curve{Requests: 2000, Sizes: []responses.CurveSize{{Times: 2, MaxSize: 128 << 20, Requests: .5, Bytes: .25}}, Advice: "At 64 MiB: keep it."}
}
func (d *drops) Clear()                   { *d = append(*d, "all") }
func (d *drops) DropTarget(target string) { *d = append(*d, target) }

// An operator drops one URL, written in whichever way, or everything; never everything by
// mistake.
func TestResponsesAreDropped(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct {
		status int
		drops  drops
	}{
		"":                              {204, drops{"all"}},
		"?url=/static/app.js":           {204, drops{"/static/app.js"}},
		"?url=/api/%3Flimit=1%26page=2": {204, drops{"/api/?limit=1&page=2"}},
		"?url=https://site.test/a%3Fb":  {204, drops{"/a?b"}},
		"?url=https://site.test/a%23b":  {204, drops{"/a"}},
		"?url=":                         {400, nil},
		"?url=static/app.js":            {400, nil},
		"?url=https://site.test":        {400, nil},
		"?url=/%25zz":                   {400, nil},
	} {
		var dropped drops
		l := newListener(t, "")
		l.handler = admin.New(admin.Config{Listen: "127.0.0.1:9090"}, admin.Deps{
			WarmSet: l.warm, Responses: &dropped, Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		}).Handler()
		if answer := l.request("DELETE", "/cache/responses"+path, ""); answer.Code != want.status || !slices.Equal(dropped, want.drops) {
			t.Errorf("%s: %d %s, and dropped %q; want %d and %q", path, answer.Code, answer.Body, dropped, want.status, want.drops)
		}
		if answer := l.request("DELETE", "/cache/responses"+path, "", "Origin", "https://evil.test"); answer.Code != 403 || !slices.Equal(dropped, want.drops) {
			t.Errorf("%s by another site's script: %d, and dropped %q", path, answer.Code, dropped)
		}
		var state struct {
			Responses *struct {
				Entries int64
				Curve   responses.Curve
			}
		}
		if l.into(l.request("GET", "/cache", ""), &state); state.Responses == nil || state.Responses.Entries != 3 ||
			state.Responses.Curve.Requests != 2000 || state.Responses.Curve.Sizes[0].Bytes != .25 {
			t.Errorf("/cache shows %+v", state.Responses)
		}
	}
}

// Where the cache is off, /cache says so, and nothing can be dropped.
func TestResponsesAreOff(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	if answer := l.request("DELETE", "/cache/responses", ""); answer.Code != 404 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	var state map[string]any
	l.into(l.request("GET", "/cache", ""), &state)
	if shown, there := state["responses"]; !there || shown != nil {
		t.Errorf("/cache shows %v", shown)
	}
}
