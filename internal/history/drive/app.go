package drive

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

// app is the sample app, with a page more, and without its own renderer: thumbnails that
// come to it are answered with 503, as by an app that is busy. It remembers what it wrote
// for each request.
//
// The page more, ?echo=1,2, names the captures it is asked for, whatever the database
// says of them: drafts and captures that are gone as well. It is what an app's own cache,
// or a field that echoes what a client once sent, comes to.
type app struct {
	handler http.Handler
	server  *httptest.Server

	mu      sync.Mutex
	written map[string][][]byte // by the number of the request
}

func serveApp(t testing.TB, sample *sampleapp.App) *app {
	a := &app{handler: sample.Handler(), written: map[string][][]byte{}}
	a.server = httptest.NewServer(a)
	t.Cleanup(func() {
		a.server.CloseClientConnections()
		a.server.Close()
		_ = sample.Close()
	})
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/v2/captures/thumbnails/") {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	answer := httptest.NewRecorder()
	if ids := r.URL.Query().Get("echo"); ids != "" {
		answer.Header().Set("Content-Type", "application/json")
		_, _ = answer.Write(echo(r.Host, strings.Split(ids, ",")))
	} else {
		a.handler.ServeHTTP(answer, r)
	}
	a.mu.Lock()
	number := r.URL.Query().Get("n")
	a.written[number] = append(a.written[number], answer.Body.Bytes())
	a.mu.Unlock()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// echo writes a page that shows some captures.
func echo(host string, ids []string) []byte {
	var page bytes.Buffer
	fmt.Fprintf(&page, `{"count":%d,"next":null,"previous":null,"results":[`, len(ids))
	for i, id := range ids {
		if i > 0 {
			page.WriteByte(',')
		}
		route := "http://" + host + "/api/v2/captures/thumbnails/" + id + "/?label="
		fmt.Fprintf(&page, `{"id":%s,"notes":"see %ssmall","thumbnails":{"small":"%ssmall","medium":"%smedium"},"last":"%ssmall"}`, id, route, route, route, route)
	}
	page.WriteString("]}")
	return page.Bytes()
}

// wrote returns what was written for a request, and forgets it.
func (a *app) wrote(number string) [][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	pages := a.written[number]
	delete(a.written, number)
	return pages
}
