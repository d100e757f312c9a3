package admin_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/explain"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// TestExplainForBrowsersAndTools: a browser gets a page, who asks otherwise JSON; both say
// what is wrong with what they asked for.
func TestExplainForBrowsersAndTools(t *testing.T) {
	t.Parallel()
	l := newListener(t, "")
	l.handler = admin.New(admin.Config{Listen: "127.0.0.1:9090"}, admin.Deps{
		WarmSet: l.warm, Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		Explain: func(_ context.Context, id thumb.ID) (any, error) {
			switch id {
			case 503:
				return nil, errors.New("the database does not answer")
			case 404:
				return &explain.Capture{ID: id, Standing: "missing", Labels: []explain.Label{}}, nil
			}
			return &explain.Capture{ID: id, Standing: "public", Original: "http://host/<b>.jpg", Labels: []explain.Label{
				{Label: "small", Width: 240, Verdict: "cold", Why: "there is no row", Failure: "cut off", Answer: "422"},
				{Label: "medium", Width: 1024, Verdict: "warm", Why: "fresh", Row: &explain.Row{Path: "thumbnails/x.jpg", Width: 1024}, Answer: "302"},
			}}, nil
		},
	}).Handler()
	browser := []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}
	for name, c := range map[string]struct {
		path    string
		headers []string
		status  int
		kind    string
		says    string
	}{
		"a browser":              {"/explain/17", browser, 200, "text/html", "thumbnails/x.jpg, width 1024"},
		"its markup":             {"/explain/17", browser, 200, "text/html", "http://host/&lt;b&gt;.jpg"},
		"a failure":              {"/explain/17", browser, 200, "text/html", `<span class="down">cut off</span>`},
		"a tool":                 {"/explain/17", nil, 200, "application/json", `"verdict": "cold"`},
		"a tool of everything":   {"/explain/17", []string{"Accept", "*/*"}, 200, "application/json", `"verdict": "cold"`},
		"a browser that insists": {"/explain/17?format=json", browser, 200, "application/json", `"verdict": "cold"`},
		"a tool that insists":    {"/explain/17?format=html", nil, 200, "text/html", "there is no row"},
		"missing":                {"/explain/404", browser, 200, "text/html", "the database has no such capture"},
		"no id":                  {"/explain/%3Cb%3E", browser, 400, "text/html", "positive 64-bit integer"},
		"no id, escaped":         {"/explain/%3Cb%3E", browser, 400, "text/html", "Capture &lt;b&gt;"},
		"no id, a tool":          {"/explain/x", nil, 400, "application/json", "positive 64-bit integer"},
		"no database":            {"/explain/503", browser, 503, "text/html", "the database does not answer"},
		"no database, a tool":    {"/explain/503", nil, 503, "application/json", "the database does not answer"},
	} {
		answer := l.request("GET", c.path, "", c.headers...)
		if answer.Code != c.status || !strings.HasPrefix(answer.Header().Get("Content-Type"), c.kind) || !strings.Contains(answer.Body.String(), c.says) {
			t.Errorf("%s: %d %v %s", name, answer.Code, answer.Header(), answer.Body)
		}
	}
	for query, to := range map[string]string{"id=17": "/explain/17", "id=+17+": "/explain/17", "id=..%2F..": "/explain/..%2F..", "id=": "/", "": "/"} {
		if answer := l.request("GET", "/explain?"+query, ""); answer.Code != 303 || answer.Header().Get("Location") != to {
			t.Errorf("the form with %q: %d to %s", query, answer.Code, answer.Header().Get("Location"))
		}
	}
}
