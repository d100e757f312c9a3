package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// onLoopback is a configuration that lets originals be at loopback addresses.
func onLoopback(edit ...func(*Config)) Config {
	cfg := Defaults()
	cfg.AllowPrivateNetworks = true
	for _, e := range edit {
		e(&cfg)
	}
	return cfg
}

func newTestFetcher(t *testing.T, cfg Config) *Fetcher {
	t.Helper()
	f, err := New(cfg, Deps{Storage: emptyStorage{}, Conns: 12, RoomWait: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// emptyStorage has no files, and would have them under /media/ on the site.
type emptyStorage struct{}

func (emptyStorage) Open(context.Context, string) (io.ReadCloser, int64, error) {
	return nil, 0, thumb.ErrFileMissing
}

func (emptyStorage) StorageURLs() thumb.StorageURLs { return thumb.StorageURLs{Base: "/media/"} }

func anyRoom(context.Context, int64) error { return nil }

func (f *Fetcher) get200(t *testing.T, target string) ([]byte, error) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return f.Fetch(t.Context(), Location{url: u}, anyRoom)
}

func TestFetch(t *testing.T) {
	t.Parallel()
	photo := bytes.Repeat([]byte("photo"), 1000)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/photo", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("Referer") != "" || r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("the request carries %v", r.Header)
		}
		_, _ = w.Write(photo)
	})
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(photo); i += 100 {
			_, _ = w.Write(photo[i : i+100])
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10001")
		_, _ = w.Write(make([]byte, 10001))
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(photo)
		}
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9000")
		_, _ = w.Write(photo)
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/cutchunked", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(photo)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/status/", func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/status/%d", &status)
		w.WriteHeader(status)
	})
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Location", r.URL.RawQuery)
		w.WriteHeader(http.StatusFound)
	})
	f := newTestFetcher(t, onLoopback(func(c *Config) { c.MaxBytes = 10000 }))
	tenTimes := strings.Repeat("/to?", 10)
	for path, want := range map[string]error{
		"/photo": nil, "/chunked": nil, "/empty": nil,
		"/to?/photo":                       nil,
		tenTimes + "/photo":                nil,
		"/to?" + tenTimes + "/photo":       thumb.ErrOriginalUnavailable, // eleven redirects
		"/to?file:///etc/passwd":           thumb.ErrOriginalUnavailable,
		"/to?gopher://h/":                  thumb.ErrOriginalUnavailable,
		"/to?http://u:p@127.0.0.1/":        thumb.ErrOriginalUnavailable,
		"/to?http://169.254.169.254/photo": thumb.ErrOriginalUnavailable,
		"/to?http://0.0.0.0/photo":         thumb.ErrOriginalUnavailable,
		"/large":                           thumb.ErrOriginalUnusable,
		"/endless":                         thumb.ErrOriginalUnusable,
		"/cut":                             thumb.ErrOriginalUnavailable,
		"/cutchunked":                      thumb.ErrOriginalUnavailable,
		"/status/404":                      thumb.ErrOriginalUnavailable,
		"/status/403":                      thumb.ErrOriginalUnavailable,
		"/status/500":                      thumb.ErrOriginalUnavailable,
		"/status/302":                      thumb.ErrOriginalUnavailable, // without Location: itself, for ever
	} {
		got, err := f.get200(t, server.URL+path)
		switch {
		case !errors.Is(err, want) || (err == nil) != (want == nil):
			t.Errorf("%s: %v, want %v", path, err, want)
		case err == nil && path != "/empty" && !bytes.Equal(got, photo):
			t.Errorf("%s: %d bytes, want the photo's %d", path, len(got), len(photo))
		}
	}
}

// The guard stands at the dialler: neither the URL's looks nor a name decides.
func TestFetchRefusesPrivateAddresses(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	targets := []string{"http://127.0.0.1:" + port, "http://localhost:" + port, "http://LOCALHOST.:" + port, "http://[::ffff:127.0.0.1]:" + port,
		"http://example.org@127.0.0.1:" + port, "http://0.0.0.0:" + port, "http://[::]:" + port}
	f := newTestFetcher(t, Defaults())
	for _, target := range targets {
		if _, err := f.get200(t, target+"/x"); !errors.Is(err, thumb.ErrOriginalUnavailable) {
			t.Errorf("%s: %v", target, err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests reached a private address", n)
	}
	listed := newTestFetcher(t, onLoopback(func(c *Config) { c.AllowPrivateNetworks, c.AllowHosts = false, []string{"localhost"} }))
	if _, err := listed.get200(t, "http://localhost:"+port+"/x"); err != nil {
		t.Errorf("a listed host: %v", err)
	}
	if _, err := listed.get200(t, "http://127.0.0.1:"+port+"/x"); err == nil {
		t.Error("an address that is not listed is reached, by a connection of a listed name")
	}
}

// A connection to the app is not there for a capture that names the app's address.
func TestFetchKeepsTheAppsConnectionsApart(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	defer server.Close()
	f := newTestFetcher(t, onLoopback(func(c *Config) {
		c.AllowPrivateNetworks, c.UpstreamURL, c.PublicURL = false, server.URL, "https://site.example"
	}))
	u, _ := url.Parse(server.URL + "/media/x.jpg")
	got, err := f.Fetch(t.Context(), Location{url: u, own: true}, anyRoom)
	if err != nil || string(got) != "site.example" {
		t.Fatalf("the app's own file: %q, %v", got, err)
	}
	if got, err := f.Fetch(t.Context(), Location{url: u}, anyRoom); err == nil {
		t.Errorf("a capture that names the app's address got %q", got)
	}
}

func TestFetchEndsWhereNothingComes(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"head", "body", "connection"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if where == "body" {
					w.Header().Set("Content-Length", "100")
					_, _ = io.WriteString(w, "a beginning")
					w.(http.Flusher).Flush()
				}
				<-over
			}))
			defer server.Close()
			defer close(over)
			target := server.URL
			if where == "connection" { // accepts, and never speaks TLS
				target = "https" + strings.TrimPrefix(target, "http")
			}
			f := newTestFetcher(t, onLoopback(func(c *Config) {
				c.ConnectTimeout, c.ReadTimeout = 50*time.Millisecond, 50*time.Millisecond
			}))
			if _, err := f.get200(t, target); !errors.Is(err, thumb.ErrOriginalUnavailable) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Room is made for the declared size, or for the largest there may be, before the
// first byte is read.
func TestFetchMakesRoomFirst(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(make([]byte, 500))
	}))
	defer server.Close()
	f := newTestFetcher(t, onLoopback())
	for path, want := range map[string]int64{"/plain": 500, "/chunked": 64 << 20} {
		u, _ := url.Parse(server.URL + path)
		var asked int64
		refusal := errors.New("no room")
		_, err := f.Fetch(t.Context(), Location{url: u}, func(_ context.Context, n int64) error {
			asked = n
			return refusal
		})
		if asked != want || !errors.Is(err, refusal) {
			t.Errorf("%s: asked for %d, %v; want %d", path, asked, err, want)
		}
	}
}

// Whatever a server answers, what is returned is within the limit and every error
// is one that the clients' table knows.
func FuzzFetch(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nphoto"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nphoto\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 302 Found\r\nLocation: http://[::1]:1/\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\nall until the end, which is too much for the limit that is set"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		cfg := Defaults()
		cfg.MaxBytes, cfg.ReadTimeout = 32, time.Second
		fetcher := newTestFetcher(t, cfg)
		fetcher.guarded.DialContext = func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				buf := make([]byte, 4096)
				_, _ = server.Read(buf)
				_, _ = server.Write(answer)
			}()
			return client, nil
		}
		got, err := fetcher.Fetch(t.Context(), Location{url: &url.URL{Scheme: "http", Host: "a.org", Path: "/"}}, anyRoom)
		if len(got) > 32 {
			t.Errorf("%d bytes, the limit is 32", len(got))
		}
		if err != nil && !errors.Is(err, thumb.ErrOriginalUnavailable) && !errors.Is(err, thumb.ErrOriginalUnusable) {
			t.Errorf("error %v", err)
		}
	})
}
