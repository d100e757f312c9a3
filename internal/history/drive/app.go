package drive

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/thumbedge/thumbedge/internal/history"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

// app is the sample app, with a page more, and without its own renderer: thumbnails that
// come to it are answered with 503, as by an app that is busy. It remembers what it wrote
// for each request.
//
// The page more, ?echo=1,2, names the captures it is asked for, whatever the database
// says of them: drafts and captures that are gone as well. It is what an app's own cache,
// or a field that echoes what a client once sent, comes to. To a member it gives no
// thumbnails but null, as antenna does for drafts, of whatever there is.
type app struct {
	*recorder
	handler http.Handler
	server  *httptest.Server

	mu      sync.Mutex
	written map[string][]writing // by the number of the request
}

// writing is a page that the app wrote, with when it was asked for it.
type writing struct {
	at   history.Moment
	page []byte
}

func serveApp(t testing.TB, r *recorder, sample *sampleapp.App) *app {
	a := &app{recorder: r, handler: sample.Handler(), written: map[string][]writing{}}
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
	answer, at := httptest.NewRecorder(), a.now()
	if ids := r.URL.Query().Get("echo"); ids != "" {
		answer.Header().Set("Content-Type", "application/json")
		_, _ = answer.Write(echo(r.Host, strings.Split(ids, ","), r.Header.Get("Authorization") != ""))
	} else {
		a.handler.ServeHTTP(answer, r)
	}
	a.mu.Lock()
	number := r.URL.Query().Get("n")
	a.written[number] = append(a.written[number], writing{at, answer.Body.Bytes()})
	a.mu.Unlock()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// echo writes a page that shows some captures, to a member or to anybody.
func echo(host string, ids []string, member bool) []byte {
	var page bytes.Buffer
	fmt.Fprintf(&page, `{"count":%d,"next":null,"previous":null,"results":[`, len(ids))
	for i, id := range ids {
		if i > 0 {
			page.WriteByte(',')
		}
		route := "http://" + host + "/api/v2/captures/thumbnails/" + id + "/?label="
		thumbnails := fmt.Sprintf(`{"small":"%ssmall","medium":"%smedium","tiny":"%stiny"}`, route, route, route)
		if member {
			thumbnails = "null"
		}
		fmt.Fprintf(&page, `{"id":%s,"thumbnails":%s,"notes":"see %ssmall","last":"%ssmall"}`, id, thumbnails, route, route)
	}
	page.WriteString("]}")
	return page.Bytes()
}

// wrote returns what was written for a request, and forgets what is older than a moment.
func (a *app) wrote(number string, since history.Moment) []writing {
	a.mu.Lock()
	defer a.mu.Unlock()
	young := slices.DeleteFunc(a.written[number], func(w writing) bool { return w.at < since })
	a.written[number] = young
	return slices.Clone(young)
}

// forget forgets what was written for a request that nobody makes again.
func (a *app) forget(number string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.written, number)
}
