package program_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// recordedApp answers what the sample app answered the first time, whatever has
// become of the sample app's database since. So it answers at once, and the same.
type recordedApp struct {
	app      http.Handler
	answered atomic.Int64

	mu      sync.Mutex
	asked   http.Header                           // of the last request
	answers map[string]*httptest.ResponseRecorder // by host and target
}

// recorded puts a recordedApp before the sample app.
func recorded(s *site) {
	s.recorded = &recordedApp{app: s.app.Handler(), answers: map[string]*httptest.ResponseRecorder{}}
	server := httptest.NewServer(s.recorded)
	s.Cleanup(server.Close)
	s.appURL = server.URL
	s.file.Upstream.URL = server.URL
}

func (r *recordedApp) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = request.Header.Clone()
	key := request.Host + request.RequestURI
	answer := r.answers[key]
	if answer == nil {
		answer = httptest.NewRecorder()
		r.app.ServeHTTP(answer, request)
		r.answers[key] = answer
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
	r.answered.Add(1)
}

// header returns the values of a header of the last request.
func (r *recordedApp) header(name string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked.Values(name)
}

// linkTo returns a URL with another address in it.
func linkTo(t testing.TB, address, through string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = through
	return u.String()
}
