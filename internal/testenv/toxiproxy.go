package testenv

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Fault is a toxic as toxiproxy knows it. Where it has no Stream, what comes from
// the server suffers it; "upstream" is what goes to it. Faults:
//
//	{Type: "latency", Attributes: {"latency": ms, "jitter": ms}}
//	{Type: "timeout", Attributes: {"timeout": ms}}     nothing passes; closed after ms, 0: never
//	{Type: "reset_peer", Attributes: {"timeout": ms}}  reset after ms
//	{Type: "limit_data", Attributes: {"bytes": n}}     closed after n bytes
//	{Type: "bandwidth", Attributes: {"rate": KB/s}}
type Fault struct {
	Type       string         `json:"type"`
	Stream     string         `json:"stream,omitempty"`
	Attributes map[string]int `json:"attributes"`
}

// FaultyLink is a proxy before an address whose faults a test switches on and
// off. Its methods may be called from any goroutine.
type FaultyLink struct {
	Address string // where clients connect instead

	t    testing.TB
	name string
	api  string
}

var sharedToxiproxy = sync.OnceValues(startToxiproxy)

// Toxiproxy puts a proxy before target, a host:port, without any fault.
func Toxiproxy(t testing.TB, target string) *FaultyLink {
	t.Helper()
	api, err := sharedToxiproxy()
	if err != nil {
		t.Fatalf("starting toxiproxy: %v", err)
	}
	l := &FaultyLink{t: t, name: fmt.Sprintf("link%d", serial.Add(1)), api: api}
	var made struct {
		Listen string `json:"listen"`
	}
	l.call(http.MethodPost, "/proxies", map[string]any{"name": l.name, "listen": "127.0.0.1:0", "upstream": target, "enabled": true}, &made)
	l.Address = made.Listen
	t.Cleanup(func() { l.call(http.MethodDelete, "/proxies/"+l.name, nil, nil) })
	return l
}

// Set puts the faults in place of those that were there; with none, the link
// works again. Connections that are open suffer them too.
func (l *FaultyLink) Set(faults ...Fault) {
	l.t.Helper()
	var old []struct {
		Name string `json:"name"`
	}
	l.call(http.MethodGet, "/proxies/"+l.name+"/toxics", nil, &old)
	for _, toxic := range old {
		l.call(http.MethodDelete, "/proxies/"+l.name+"/toxics/"+toxic.Name, nil, nil)
	}
	for i, fault := range faults {
		l.call(http.MethodPost, "/proxies/"+l.name+"/toxics", struct {
			Fault
			Name string `json:"name"`
		}{fault, fmt.Sprintf("%s%d", fault.Type, i)}, nil)
	}
}

// Down cuts every connection and refuses new ones, until Up.
func (l *FaultyLink) Down() { l.enable(false) }

// Up ends Down.
func (l *FaultyLink) Up() { l.enable(true) }

// Lead has the link lead to another address; connections that are open are cut.
func (l *FaultyLink) Lead(target string) {
	l.t.Helper()
	l.call(http.MethodPost, "/proxies/"+l.name, map[string]any{"enabled": true, "upstream": target}, nil)
}

func (l *FaultyLink) enable(on bool) {
	l.t.Helper()
	l.call(http.MethodPost, "/proxies/"+l.name, map[string]any{"enabled": on}, nil)
}

// call speaks with toxiproxy's API; a failure there fails the test.
func (l *FaultyLink) call(method, path string, body, answer any) {
	l.t.Helper()
	// Not the test's own context: that has ended when the cleanup runs.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := callToxiproxy(ctx, l.api, method, path, body, answer); err != nil {
		l.t.Errorf("toxiproxy: %v", err)
	}
}

func callToxiproxy(ctx context.Context, api, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, api+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

func startToxiproxy() (api string, err error) {
	program, err := tool("toxiproxy-server")
	if err != nil {
		return "", err
	}
	dir, err := tempDir()
	if err != nil {
		return "", err
	}
	// A proxy of a name that only this server has tells it from another test
	// process's on the same port.
	name, config := rand.Text(), filepath.Join(dir, "toxiproxy.json")
	text := fmt.Sprintf(`[{"name": %q, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": false}]`, name)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return "", err
	}
	address, err := start(program, func(address string) []string {
		host, port, _ := net.SplitHostPort(address)
		return []string{"-host", host, "-port", port, "-config", config}
	}, func(ctx context.Context, address string) error {
		return callToxiproxy(ctx, "http://"+address, http.MethodGet, "/proxies/"+name, nil, nil)
	})
	return "http://" + address, err
}
