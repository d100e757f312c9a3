package wire

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// startRelay relays one connection after another, each cut at a place that cuts gives.
func startRelay(t *testing.T, addr string, cuts func() (up, down int64)) string {
	ln := wiretest.Listen(t)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			app, err := net.Dial("tcp", addr)
			if err != nil {
				_ = conn.Close()
				continue
			}
			up, down := cuts()
			go pass(app, conn, up)
			go pass(conn, app, down)
		}
	}()
	return ln.Addr().String()
}

// pass copies that many bytes, then ends both connections.
func pass(to, from net.Conn, most int64) {
	if most < 0 {
		_, _ = io.Copy(to, from)
	} else {
		_, _ = io.CopyN(to, from, most)
	}
	_ = to.Close()
	_ = from.Close()
}

// A spooled body makes nothing repeatable: however far a request or its answer came
// before the connection was cut, a POST is delivered once at most.
func TestSpooledPostIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	app := testenv.Django(t, testenv.DjangoConfig{Workers: testenv.ThreadWorkers, Threads: 4})
	at := make(chan [2]int64, 16)
	p := startServer(t, startRelay(t, app.Address, func() (up, down int64) {
		select {
		case cut := <-at:
			return cut[0], cut[1]
		default:
			return -1, -1
		}
	}), nil)
	post := func(delivery string) (status string, whole bool) {
		w := p.Dial()
		defer w.Close()
		raw, _ := w.Send("POST /once HTTP/1.1\r\nHost: s\r\nConnection: close\r\nX-Delivery: " + delivery + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks("a body of some bytes", 7, "")).Rest()
		status, _, _ = strings.Cut(raw, "\r\n")
		return status, strings.HasSuffix(raw, "\r\n0\r\n\r\n")
	}
	if status, whole := post("whole"); status != "HTTP/1.1 200 OK" || !whole {
		t.Fatalf("uncut: %s, whole: %v", status, whole)
	}
	cut, delivered, answered := 0, 0, 0
	for way := range 2 {
		for bytes := int64(0); ; bytes++ {
			p.server.pool.dropIdle()
			place := [2]int64{-1, -1}
			place[way] = bytes
			at <- place
			retried := count(p.server.metrics.retries)
			delivery := itoa(way) + "-" + itoa(int(bytes))
			status, whole := post(delivery)
			begun, _ := app.Delivered(delivery)
			if begun > 1 {
				t.Errorf("cut %s, the request was delivered %d times: %s", delivery, begun, status)
			}
			cut++
			delivered += begun
			if status == "HTTP/1.1 200 OK" {
				answered++
			}
			if whole && count(p.server.metrics.retries) == retried {
				break // the cut is behind the end
			}
		}
	}
	t.Logf("cut at %d places; %d were delivered, %d answered", cut, delivered, answered)
	if cut < 500 || delivered < 100 {
		t.Errorf("cut at %d places, %d delivered: too few to show anything", cut, delivered)
	}
}

// An app that dies over a request does not get it again.
func TestAppThatDiesGetsARequestOnce(t *testing.T) {
	t.Parallel()
	app := testenv.Django(t, testenv.DjangoConfig{Workers: testenv.ThreadWorkers, Threads: 4, Processes: 2})
	p := startServer(t, app.Address, nil)
	for query, want := range map[string]string{"": "HTTP/1.1 502 ", "?read=1": "HTTP/1.1 502 ", "?read=1&after=10": "HTTP/1.1 200 "} {
		w := p.Dial()
		raw, failed := w.Send("POST /die/" + query + " HTTP/1.1\r\nHost: s\r\nConnection: close\r\nX-Delivery: died" + query + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(strings.Repeat("x", 200_000), 7000, "")).Rest()
		if !strings.HasPrefix(raw, want) || failed != strings.Contains(query, "after") {
			t.Errorf("%s: answer %.100q, reset: %v", query, raw, failed)
		}
		if begun, _ := app.Delivered("died" + query); begun != 1 {
			t.Errorf("%s: delivered %d times", query, begun)
		}
	}
}

// dropIdle closes the connections that nobody uses.
func (p *pool) dropIdle() {
	for a := p.pop(); a != nil; a = p.pop() {
		_ = a.streamConn.Close()
	}
}
