package sampleapp_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

func TestMain(m *testing.M) {
	code := testenv.Main(m)
	_ = os.RemoveAll(albumDir)
	os.Exit(code)
}

// site is a running app with seeded captures.
type site struct {
	*sampleapp.App
	url, database, media string
}

// albumDir is the folder of album, removed when the tests are over.
var albumDir string

// album is a few small photos, drawn once for all tests.
var album = sync.OnceValues(func() ([]sampleapp.Photo, error) {
	var err error
	if albumDir, err = os.MkdirTemp("", "album-"); err != nil {
		return nil, err
	}
	return sampleapp.Album{Dir: albumDir, Scenes: 9, Width: 320}.Draw(context.Background(), io.Discard)
})

// start runs an app over two nights of nine photos: captures 1 to 18 are public,
// the last six are a draft's.
func start(t *testing.T, edit func(*sampleapp.Config)) *site {
	t.Helper()
	cfg := sampleapp.Config{DatabaseURL: testenv.Database(t), MediaDir: t.TempDir()}
	if edit != nil {
		edit(&cfg)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	app, err := sampleapp.New(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	photos, err := album()
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Seed(t.Context(), photos, 2); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	})
	return &site{app, server.URL, cfg.DatabaseURL, cfg.MediaDir}
}

// exec runs a statement on the app's database.
func (s *site) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

// do sends a request, following no redirect. Header lines are "Name: value".
func (s *site) do(t *testing.T, method, target, body string, header ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range header {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			continue // "" stands for none
		}
		request.Header.Set(name, value)
		if name == "Host" {
			request.Host = value
		}
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, string(text)}
}

func (s *site) get(t *testing.T, target string, header ...string) answer {
	t.Helper()
	return s.do(t, http.MethodGet, target, "", header...)
}

const (
	asOwner    = "Authorization: Token " + sampleapp.OwnerToken
	asStranger = "Authorization: Token " + sampleapp.StrangerToken
	draft      = "19"
)

// until waits for something that must happen, however busy the machine is.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !happened() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}
