package drive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/internal/history"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// storageMood is what the storage does to uploads.
type storageMood int32

const (
	moodWell  storageMood = iota
	moodLies              // a maintenance page answers 200, and keeps nothing
	moodLoses             // the file is kept, the answer lost
)

// storage stands before a real S3 server and records what it is asked to keep and to
// delete.
type storage struct {
	*recorder
	bucket testenv.Bucket
	secret testenv.Bucket // of private thumbnails
	server *httptest.Server
	pass   *httputil.ReverseProxy
	mood   atomic.Int32
}

func serveStorage(t testing.TB, r *recorder) *storage {
	s := &storage{recorder: r, bucket: testenv.S3(t), secret: testenv.PrivateS3(t)}
	target, err := url.Parse(s.bucket.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s.pass = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { // the Host, which is signed, stays
			p.Out.URL.Scheme, p.Out.URL.Host = target.Scheme, target.Host
			p.Out.Host = p.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

// location is storage.location: what an object's name begins with, before its key.
const location = "uploads/"

// base is what the URL of every file begins with.
func (s *storage) base() string { return s.server.URL + "/" + s.bucket.Name + "/" + location }

// keyOf returns the key, as histories have it, of what lies at a path, where that is the
// place of a thumbnail.
func (s *storage) keyOf(path string) (key string, ours bool) {
	for bucket, begin := range map[string]string{s.bucket.Name: "", s.secret.Name: history.PrivateFile} {
		if key, ours = strings.CutPrefix(path, "/"+bucket+"/"+location); ours {
			return begin + key, strings.HasPrefix(key, "thumbnails/capture_")
		}
	}
	return "", false
}

// keys returns the keys, as histories have them, of all thumbnails that are there.
func (s *storage) keys(t testing.TB) (keys []string) {
	for _, bucket := range []testenv.Bucket{s.bucket, s.secret} {
		for _, name := range bucket.Keys(t, location+"thumbnails/capture_") {
			key, _ := s.keyOf("/" + bucket.Name + "/" + name)
			keys = append(keys, key)
		}
	}
	return keys
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, ours := s.keyOf(r.URL.Path)
	switch {
	case ours && r.Method == http.MethodPut:
		s.put(w, r, key)
	case ours && r.Method == http.MethodDelete:
		deleted := history.Delete{Start: s.now(), Key: key}
		s.pass.ServeHTTP(w, r)
		deleted.End = s.now()
		s.record(func(h *history.History) { h.Deletes = append(h.Deletes, deleted) })
	default:
		s.pass.ServeHTTP(w, r)
	}
}

// put records an upload before it is answered.
func (s *storage) put(w http.ResponseWriter, r *http.Request, key string) {
	put := history.Put{Start: s.now(), Key: key}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off: nothing reaches the storage
	}
	sum := sha256.Sum256(body)
	put.Sum = hex.EncodeToString(sum[:8])
	put.Picture, _ = readPicture(body)                    // what is no picture is of capture 0
	r = r.WithContext(context.WithoutCancel(r.Context())) // what has come whole is kept, whoever waits
	r.Body = io.NopCloser(bytes.NewReader(body))
	mood := storageMood(s.mood.Load())
	answer := httptest.NewRecorder()
	if mood == moodLies {
		_, _ = answer.WriteString("<html>We will be back soon.</html>")
	} else {
		s.pass.ServeHTTP(answer, r)
		put.Kept = answer.Code == http.StatusOK
	}
	put.End = s.now()
	s.record(func(h *history.History) { h.Puts = append(h.Puts, put) })
	if mood == moodLoses {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}
