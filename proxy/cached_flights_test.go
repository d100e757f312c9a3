package proxy

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// 200 clients that lack one answer which could be kept last time cost the app one request.
func TestMissesAreCollapsed(t *testing.T) {
	t.Parallel()
	arrived, answer := make(chan bool, 300), make(chan bool)
	p, a := startCached(t, nil, func(n int, request string) string {
		if n == 1 || strings.HasPrefix(request, "POST") {
			return sized("200 OK", "first", "Cache-Control: max-age=60")
		}
		arrived <- true
		<-answer
		return sized("200 OK", "second", "Cache-Control: max-age=60")
	})
	p.Exchange(ask("/x"))
	p.Exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
	var clients []*wiretest.Client
	for range 200 {
		clients = append(clients, p.Dial())
	}
	clients[0].Send(ask("/x"))
	<-arrived
	var group sync.WaitGroup
	collapsed := atomic.Int64{}
	for _, c := range clients[1:] {
		c.Send(ask("/x"))
	}
	close(answer)
	for _, c := range clients {
		group.Go(func() {
			got := c.Answer()
			if wiretest.Body(got) != "second" {
				t.Errorf("%q", got)
			}
			if strings.Contains(got, "collapsed") {
				collapsed.Add(1)
			}
		})
	}
	group.Wait()
	if n := len(a.Seen()); n != 3 {
		t.Errorf("the app was asked %d times, want 3", n)
	}
}

// Two long polls of one URL are both at the app at the same time: neither waits for the
// other, the first time and once it is known that their answers cannot be kept.
func TestLongPollsAreNotCollapsed(t *testing.T) {
	t.Parallel()
	both := make(chan bool, 2)
	release := make(chan bool)
	p, _ := startCached(t, nil, func(n int, _ string) string {
		both <- true
		<-release
		return sized("200 OK", "event")
	})
	for range 2 {
		one, other := p.Dial().Send(ask("/poll")), p.Dial().Send(ask("/poll"))
		<-both
		<-both
		release <- true
		release <- true
		one.Answer()
		other.Answer()
	}
}
