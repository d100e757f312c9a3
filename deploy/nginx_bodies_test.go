package deploy_test

import (
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
)

// large is the size of the bodies here, the most that thumbedge.conf takes:
// client_max_body_size 100M.
const large = 100 << 20

// zeros is an endless body that counts what was taken of it.
type zeros struct{ taken atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	z.taken.Add(int64(len(p)))
	return len(p), nil
}

// TestNginxStreams: 104 MB up and 104 MB down pass through nginx and a thumbedge that
// spools nothing without being put on disk, and without being taken in faster than they
// are passed on.
func TestNginxStreams(t *testing.T) {
	t.Parallel()
	sent, arrived := &zeros{}, &zeros{}
	app := startApp(t, bodies(arrived))
	n := startNginx(t, start(t, app.Listener.Addr().String(), "spool = false").Addr())

	request, err := http.NewRequest(http.MethodPost, "http://"+n.Address+"/api/v2/captures/upload/", io.LimitReader(sent, large))
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = large
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusOK || string(text) != strconv.Itoa(large) {
		t.Errorf("the upload: %s, %s", response.Status, text)
	}

	response, err = http.Get("http://" + n.Address + "/exports/all.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got int64
	for {
		m, err := io.CopyN(io.Discard, response.Body, 1<<20)
		got += m
		if err != nil {
			break
		}
		// Sockets hold some megabytes; a proxy that takes in all there is holds the rest.
		if ahead := arrived.taken.Load() - got; ahead > large/2 {
			t.Fatalf("the app has sent %d bytes that the client has not seen", ahead)
		}
	}
	if got != large {
		t.Errorf("%d bytes came down, want %d", got, large)
	}
	if traces := n.Spooled(); len(traces) > 0 {
		t.Errorf("nginx has put bodies on disk: %v", traces)
	}
}

// TestSpoolingShows: the look for bodies on disk finds them where nginx buffers.
func TestSpoolingShows(t *testing.T) {
	t.Parallel()
	app := startApp(t, bodies(&zeros{}))
	n := startNginx(t, app.Listener.Addr().String(), "proxy_request_buffering off;", "")
	response, err := http.Post("http://"+n.Address+"/", "", io.LimitReader(&zeros{}, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || len(n.Spooled()) == 0 {
		t.Errorf("%s; nothing shows that nginx buffered the body", response.Status)
	}
}

// bodies is an app that counts what it is sent, and answers a GET with a large body.
func bodies(answer *zeros) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(large))
		w.Header().Set("Content-Type", "text/csv")
		_, _ = io.CopyN(w, answer, large)
	}
}
