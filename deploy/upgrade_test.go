package deploy_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// TestUpgradeWithoutALostRequest does what the runbook says under "Upgrade without a
// lost request", its own commands on two hosts, while clients read pages,
// thumbnails and originals and write notes: not one request fails.
func TestUpgradeWithoutALostRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t, testenv.Database(t))
	hosts := []*host{newHost(t, s), newHost(t, s)}
	for _, h := range hosts {
		h.must("install -d /etc/thumbedge; install -m 755 bin/thumbedge /usr/local/bin/thumbedge; install -m 644 deploy/systemd/thumbedge.service /etc/systemd/system/thumbedge.service")
		h.configure(s)
		h.must("thumbedge migrate up; systemctl start thumbedge")
		h.awaitReady("app")
	}
	s.nginx.Write(s.conf(hosts[0].listen, hosts[1].listen))
	if err := s.nginx.Reload(); err != nil {
		t.Fatal(err)
	}
	load := startLoad(t, s)
	load.more(50)
	for _, h := range hosts {
		for _, step := range runbookSteps(t) {
			if step.section == "Upgrade without a lost request" {
				h.must(step.commands)
			}
		}
		load.more(50)
	}
	load.stop()
	for _, failure := range load.failures {
		t.Error(failure)
	}
	t.Logf("%d requests while both replicas were replaced, %d failed", load.done.Load(), len(load.failures))
	if t.Failed() {
		t.Log(s.nginx.Log())
	}
	for _, h := range hosts { // each had its part of it
		if output := h.must("curl -fsS http://127.0.0.1:9090/metrics"); !strings.Contains(output, `thumbedge_pages_total{outcome="rewritten"}`) {
			t.Errorf("a replica has rewritten no page:\n%s", output)
		}
	}
}

// must runs commands that must not fail.
func (h *host) must(commands string) string {
	h.t.Helper()
	output, err := h.sh(commands)
	if err != nil {
		h.t.Fatalf("%s: %v\n%s", commands, err, output)
	}
	return output
}

// load is a handful of clients that use the site until they are stopped.
type load struct {
	t        *testing.T
	client   *http.Client
	url      string
	clients  sync.WaitGroup
	cancel   context.CancelFunc
	done     atomic.Int64
	mu       sync.Mutex
	failures []string
}

func startLoad(t *testing.T, s *site) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: t, url: s.url, cancel: cancel, client: &http.Client{
		Timeout:       time.Minute,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(l.stop)
	for client := range 6 {
		l.clients.Go(func() {
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				l.visit(client, n)
				<-pace.C
			}
		})
	}
	return l
}

// visit makes one request of each kind. Notes are written by PATCH, which nobody may
// repeat: nginx does not once it is sent, nor does thumbedge.
func (l *load) visit(client, n int) {
	id := 1 + (6*n+client)%10
	l.request(http.MethodGet, "/api/v2/captures/?limit=20", "", http.StatusOK)
	l.request(http.MethodGet, fmt.Sprintf("/api/v2/captures/thumbnails/%d/?label=small", id), "", http.StatusFound)
	l.request(http.MethodPatch, fmt.Sprintf("/api/v2/captures/%d/", id), fmt.Sprintf(`{"notes": "note %d"}`, n), http.StatusOK)
	l.request(http.MethodHead, "/", "", http.StatusOK)
}

func (l *load) request(method, path, body string, want int) {
	request, err := http.NewRequest(method, l.url+path, strings.NewReader(body))
	if err != nil {
		l.t.Error(err)
		return
	}
	if body != "" {
		request.Header.Set("Authorization", "Token "+sampleapp.OwnerToken)
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := l.client.Do(request)
	if err == nil {
		var text []byte
		text, err = io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil && response.StatusCode != want {
			err = fmt.Errorf("%s: %.200s", response.Status, text)
		}
	}
	l.done.Add(1)
	if err != nil && !errors.Is(err, context.Canceled) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failures = append(l.failures, fmt.Sprintf("%s %s: %v", method, path, err))
	}
}

// more waits until so many more requests are done.
func (l *load) more(n int64) {
	l.t.Helper()
	want := l.done.Load() + n
	again, late := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for l.done.Load() < want {
		select {
		case <-again.C:
		case <-late:
			l.t.Fatalf("the clients got stuck after %d requests", l.done.Load())
		}
	}
}

func (l *load) stop() {
	l.cancel()
	l.clients.Wait()
}
