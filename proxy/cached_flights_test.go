package proxy

import (
	"runtime"
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

// leaderless starts a proxy whose app has answered for /x once, and keeps nothing of it any
// more; how it answers from then on is up to respond, whose first request is the leader's.
func leaderless(t *testing.T, first string, respond func(n int) string) (*testProxy, *wiretest.App) {
	t.Helper()
	p, a := startCached(t, nil, func(n int, request string) string {
		if n == 1 || strings.HasPrefix(request, "POST") {
			return first
		}
		return respond(n - 2)
	})
	p.Exchange(ask("/x"))
	if strings.Contains(first, "max-age=60") {
		p.Exchange("POST /x HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
	} else {
		p.Exchange("POST /y HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
	}
	return p, a
}

// waiting sends the leader's request and, once it has come to the app, those of n others.
func waiting(p *testProxy, n int, arrived <-chan bool) (leader *wiretest.Client, others []*wiretest.Client) {
	for range n {
		others = append(others, p.Dial())
	}
	leader = p.Dial().Send(ask("/x"))
	<-arrived
	for _, c := range others {
		c.Send(ask("/x"))
	}
	return leader, others
}

const others = 50

// Where the answer that others wait for breaks off, one of them asks the app for all.
func TestOneLeadsWhereTheLeaderFailed(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan bool, 2*others), make(chan bool)
	kept := sized("200 OK", "whole", "Cache-Control: max-age=60")
	p, a := leaderless(t, kept, func(n int) string {
		arrived <- true
		<-release
		if n == 1 {
			return "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nBroken: yes\r\nContent-Length: 9\r\n\r\nabc"
		}
		return kept
	})
	leader, clients := waiting(p, others, arrived)
	close(release)
	leader.Rest()
	for _, c := range clients {
		if got := c.Answer(); wiretest.Body(got) != "whole" {
			t.Errorf("%q", got)
		}
	}
	// With what filled and emptied the cache 4, and those whom a machine that is busy has kept
	// waiting for longer than they wait.
	if n := len(a.Seen()); n > 4+others/10 {
		t.Errorf("the app was asked %d times by %d clients, want 4", n, others+1)
	}
}

// As soon as the head of the answer says that it cannot be kept, those who wait for it go to
// the app, all at once, however long its body takes.
func TestNobodyWaitsForWhatCannotBeKept(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan bool, 2*others), make(chan bool)
	all := make(chan bool, 2*others)
	p, _ := leaderless(t, sized("200 OK", "whole", "Cache-Control: max-age=60"), func(n int) string {
		arrived <- true
		if n == 1 {
			<-release
			return "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 9\r\n\r\nabc" // the rest never comes
		}
		all <- true
		for len(all) < others { // each is at the app while the others are
			runtime.Gosched()
		}
		return sized("200 OK", "own", "Cache-Control: no-store")
	})
	_, clients := waiting(p, others, arrived)
	close(release)
	for _, c := range clients {
		if got := c.Answer(); wiretest.Body(got) != "own" {
			t.Errorf("%q", got)
		}
	}
}

// While the app fails, what stands in for its answer does so for all who wait, and one
// failure does not make all of them ask the next time.
func TestWhatStandsInDoesForAllWhoWait(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan bool, 2*others), make(chan bool)
	p, a := leaderless(t, sized("200 OK", "old", "Cache-Control: max-age=0, stale-if-error=60"), func(int) string {
		arrived <- true
		<-release
		return sized("503 Service Unavailable", "")
	})
	leader, clients := waiting(p, others, arrived)
	close(release)
	for _, c := range append(clients, leader) {
		if got := c.Answer(); wiretest.Body(got) != "old" {
			t.Errorf("%q", got)
		}
	}
	// Whoever comes once that has landed leads anew.
	if n := len(a.Seen()); n > others/2 {
		t.Errorf("the app was asked %d times by %d clients", n, others+1)
	}
}
