package wire

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/growth"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// apart is a connection that looks, when it is closed, whether the pool is free meanwhile.
type apart struct {
	streamConn
	pool *pool
	held *int
}

func (a apart) Close() error {
	if a.pool.mu.TryLock() {
		a.pool.mu.Unlock()
	} else {
		*a.held++
	}
	return nil
}

// While the connections of a burst are closed, as many as upstream.max_conns may be, requests
// take others out of the pool and put them back.
func TestUnusedConnectionsAreClosedBesideRequests(t *testing.T) {
	t.Parallel()
	const most = 1 << 16
	p, held := &pool{}, 0
	p.idleTimeout.Store(int64(time.Hour))
	long := time.Now().Add(-2 * time.Hour)
	for i := range most + 10 {
		a := &appConn{streamConn: apart{pool: p, held: &held}, pool: p, idleSince: long.Add(time.Duration(i))}
		if i >= most {
			a.idleSince = time.Now()
		}
		p.idle = append(p.idle, a)
	}
	p.reaper = time.AfterFunc(time.Hour, func() {})
	defer p.reaper.Stop()
	if p.reap(); held > 0 {
		t.Errorf("the pool is held while %d of %d connections are closed", held, most)
	}
	if len(p.idle) != 10 || time.Since(p.idle[0].idleSince) > time.Hour {
		t.Errorf("%d connections are left, want the ten that were used lately", len(p.idle))
	}
}

// A header of nothing but claims (server.max_header at most) is read in one go: what is
// joined is not copied anew for each line.
func TestJoiningHeadersIsBoundedWork(t *testing.T) {
	for name, use := range map[string]headerUse{"X-Forwarded-For": useFor, "Forwarded": useForwarded, "tracestate": useState} {
		line := []byte(name + ": for=10.0.0.1\r\n")
		raw := bytes.Repeat(line, 1<<20/len(line))
		values, n := [][]byte(nil), len(name)+2
		for at := 0; at < len(raw); at += len(line) {
			values = append(values, raw[at+n:at+len(line)-2])
		}
		var f facts
		allocations := math.Inf(1)
		for range 5 { // what other tests have left running allocates, too
			allocations = min(allocations, testing.AllocsPerRun(3, func() {
				f = facts{}
				for _, value := range values {
					f.note(use, []byte(name), value)
				}
			}))
		}
		joined := [...][]byte{f.forwardedFor, f.forwarded, f.tracestate}
		want := bytes.Join(values, []byte(", "))
		if !bytes.Equal(bytes.Join(joined[:], nil), want) {
			t.Errorf("%s: %d lines are joined to %d bytes, want %d", name, len(values), len(bytes.Join(joined[:], nil)), len(want))
		}
		if allocations > 64 {
			t.Errorf("%s: %d lines take %.0f allocations", name, len(values), allocations)
		}
		if !bytes.Equal(raw, bytes.Repeat(line, len(raw)/len(line))) {
			t.Errorf("%s: the header was written to", name)
		}
	}
}

// A head as large as server.max_header may be takes no longer than many small ones of as many
// bytes: to read who the client is off a trusted proxy's claims, to tell the app, and to
// write the access log.
func TestLargestHeadIsReadAsFastAsManySmallOnes(t *testing.T) {
	const largest, parts = 1<<20 - 512, 64
	a := wiretest.StartApp(t, wiretest.Answering(wiretest.OK))
	p := startServer(t, a.Addr, func(cfg *Config) { cfg.Server.MaxHeader = 1 << 20 })
	w := p.Dial()
	for name, of := range map[string]func(size int) (target, lines string){
		"hops": func(n int) (string, string) {
			return "/x", "X-Forwarded-For: " + filled("127.0.0.1, ", n) + "1.2.3.4\r\n"
		},
		"hops, a line each":    func(n int) (string, string) { return "/x", filled("X-Forwarded-For: 127.0.0.1\r\n", n) },
		"one hop that is none": func(n int) (string, string) { return "/x", "X-Forwarded-For: " + filled("1", n) + "\r\n" },
		"empty hops":           func(n int) (string, string) { return "/x", "X-Forwarded-For: " + filled(",", n) + "\r\n" },
		"elements": func(n int) (string, string) {
			return "/x", "Forwarded: " + filled("for=127.0.0.1;proto=http, ", n) + "by=x\r\n"
		},
		"elements, a line each":   func(n int) (string, string) { return "/x", filled("Forwarded: for=127.0.0.1\r\n", n) },
		"one element":             func(n int) (string, string) { return "/x", "Forwarded: " + filled("for=127.0.0.1;", n) + "by=x\r\n" },
		"a quote that never ends": func(n int) (string, string) { return "/x", "Forwarded: for=\"" + filled("\\,;", n) + "\r\n" },
		"a target":                func(n int) (string, string) { return "/" + filled("x", n), "" },
		"a target to be quoted":   func(n int) (string, string) { return "/?" + filled("\"=", n), "" },
		"claims, a line each":     func(n int) (string, string) { return "/x", filled("X-Real-IP: 127.0.0.1\r\n", n) },
	} {
		ask := func(size, times int) func() {
			target, lines := of(size)
			request := "GET " + target + " HTTP/1.1\r\nHost: site.test\r\nX-Request-Id: mine\r\n" + lines + "\r\n"
			return func() {
				for range times {
					if raw := w.Send(request).Answer(); wiretest.Body(raw) != "ok" {
						t.Fatalf("%s: a head of %d bytes is answered %q", name, len(request), raw)
					}
				}
			}
		}
		if times := growth.TimesOfLong(ask(largest/parts, parts), ask(largest, 1)); times > 4 {
			t.Errorf("%s: one head of 1 MiB takes %.1f times as long as %d that are as large together", name, times, parts)
		}
	}
}

// filled repeats text to so many bytes at most.
func filled(text string, size int) string { return strings.Repeat(text, size/len(text)) }
