package s3_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const key = "thumbnails/capture_1/small_00000000000000ab.jpg"

func TestBrowsersAreToldToKeepTheFile(t *testing.T) {
	t.Parallel()
	bucket := testenv.S3(t)
	s := open(t, config(bucket))
	if err := s.Put(t.Context(), key, []byte("picture")); err != nil {
		t.Fatal(err)
	}
	// At location + key, whoever asks.
	resp, err := http.Get(bucket.Endpoint + "/" + bucket.Name + "/uploads/" + key)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "image/jpeg" ||
		resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("%s, headers %v", resp.Status, resp.Header)
	}
}

// faulty returns a storage whose connection goes through a link with faults, and
// one without.
func faulty(t *testing.T) (s, direct *s3.Storage, link *testenv.FaultyLink) {
	t.Helper()
	cfg := config(testenv.S3(t))
	direct = open(t, cfg)
	link = testenv.Toxiproxy(t, strings.TrimPrefix(cfg.Endpoint, "http://"))
	cfg.Endpoint, cfg.Timeout = "http://"+link.Address, 3*time.Second
	return open(t, cfg), direct, link
}

func TestServerThatCannotBeReached(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*testenv.FaultyLink){
		"refuses connections": (*testenv.FaultyLink).Down,
		"says nothing": func(l *testenv.FaultyLink) {
			l.Set(testenv.Fault{Type: "timeout", Attributes: map[string]int{"timeout": 0}})
		},
		"resets connections": func(l *testenv.FaultyLink) {
			l.Set(testenv.Fault{Type: "reset_peer", Attributes: map[string]int{"timeout": 0}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, direct, link := faulty(t)
			fail(link)
			// Far longer than the storage's own timeout, which has to end it.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var waits sync.WaitGroup
			for what, call := range map[string]func() error{
				"put":    func() error { return s.Put(ctx, key, []byte("x")) },
				"open":   func() error { _, _, err := s.Open(ctx, key); return err },
				"exists": func() error { _, err := s.Exists(ctx, key); return err },
				"delete": func() error { return s.Delete(ctx, key) },
				"list":   func() error { return s.List(ctx, "", "", nil) },
			} {
				waits.Go(func() {
					if err := call(); err == nil || errors.Is(err, thumb.ErrFileMissing) || ctx.Err() != nil {
						t.Errorf("%s: %v", what, err)
					}
				})
			}
			waits.Wait()
			link.Up()
			link.Set()
			if err := s.Put(ctx, key, []byte("x")); err != nil {
				t.Errorf("the server is back, and: %v", err)
			}
			if there, err := direct.Exists(ctx, key); !there || err != nil {
				t.Errorf("stored, and exists: %t, %v", there, err)
			}
		})
	}
}

// A Put whose acknowledgement got lost is an error: no row may follow. The file
// it left is reconcile's to find.
func TestAcknowledgementThatGotLost(t *testing.T) {
	t.Parallel()
	s, direct, link := faulty(t)
	link.Set(testenv.Fault{Type: "limit_data", Attributes: map[string]int{"bytes": 1}})
	if err := s.Put(t.Context(), key, []byte("x")); err == nil {
		t.Error("confirmed, although no answer came")
	}
	if there, err := direct.Exists(t.Context(), key); !there || err != nil {
		t.Errorf("the server had accepted it; exists: %t, %v", there, err)
	}
}

func TestBodyThatStallsEnds(t *testing.T) {
	t.Parallel()
	s, direct, link := faulty(t)
	if err := direct.Put(t.Context(), key, make([]byte, 4<<20)); err != nil {
		t.Fatal(err)
	}
	link.Set(testenv.Fault{Type: "bandwidth", Attributes: map[string]int{"rate": 100}})
	body, size, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	link.Set(testenv.Fault{Type: "timeout", Attributes: map[string]int{"timeout": 0}})
	if n, err := io.Copy(io.Discard, body); err == nil || n+1000 >= size {
		t.Errorf("%d bytes read of %d, error %v", n, size, err)
	}
}

func TestServerErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failures int64
		works    bool
	}{
		"once":         {1, true},
		"all the time": {1 << 30, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if requests.Add(1) <= c.failures {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				w.Header().Set("ETag", `"9dd4e461268c8034f5c8564e155c67a6"`) // the MD5 of x
			}))
			defer server.Close()
			s := open(t, config(testenv.Bucket{Endpoint: server.URL, Name: "bucket", AccessKey: "a", SecretKey: "s"}))
			if err := s.Put(t.Context(), key, []byte("x")); (err == nil) != c.works {
				t.Errorf("put: %v", err)
			}
			if n := requests.Load(); n > 3 {
				t.Errorf("%d requests for one Put", n)
			}
		})
	}
}

// A HEAD cannot tell a missing bucket from a missing file. Taking one for the
// other would have reconcile remove every row.
func TestMissingBucketIsNotAMissingFile(t *testing.T) {
	t.Parallel()
	cfg := config(testenv.S3(t))
	cfg.Bucket += "-gone"
	s := open(t, cfg)
	if there, err := s.Exists(t.Context(), key); err == nil {
		t.Errorf("exists: %t without an error", there)
	}
	if _, _, err := s.Open(t.Context(), key); err == nil || errors.Is(err, thumb.ErrFileMissing) {
		t.Errorf("opening: %v", err)
	}
}
