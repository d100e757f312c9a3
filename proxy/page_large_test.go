package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/proxy/wire/giveway"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What one page took counts for no other: a job that has served many pages would rest in
// each small one.
func TestEachPageIsWorkOfItsOwn(t *testing.T) {
	t.Parallel()
	j := newJobs(new(memory), prometheus.NewGauge(prometheus.GaugeOpts{})).get(false)
	j.work.Did(10 * giveway.Stretch)
	if j.reset(); j.work != (giveway.Work{}) {
		t.Errorf("the next page begins with %+v", j.work)
	}
}

// warmAll is a Resolver to which everything is warm.
type warmAll struct{ Resolver }

func (warmAll) Resolve(_ context.Context, _ []thumb.ID, answers []thumb.Known) error {
	for i := range answers {
		answers[i] = thumb.Known{Standing: thumb.Public, Verdicts: [thumb.MaxSpecs]thumb.Verdict{thumb.Warm, thumb.Warm, thumb.Warm}}
	}
	return nil
}

func (warmAll) Watch([]thumb.ID) func() bool { return nil }

func (warmAll) PublicURLs() thumb.StorageURLs {
	return thumb.StorageURLs{Base: "https://cdn.test/", Own: "https://cdn.test/thumbnails/"}
}

// largestPage is a page of 60,000 captures of nothing but thumbnails: as much work as
// rewrite.max_body lets one page be.
func largestPage() string {
	var body strings.Builder
	body.WriteString(`{"results":[`)
	for id := range 60_000 {
		if id > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":%d,"thumbnails":{"small":"/api/v2/captures/thumbnails/%[1]d/?label=small","medium":"/api/v2/captures/thumbnails/%[1]d/?label=medium"}}`, id+1)
	}
	body.WriteString(`]}`)
	return body.String()
}

// While the largest page is in hand, others are let in between any two slices of it. Go has
// one processor here, which that page would keep for 10 ms at a time, and the network is
// looked at as seldom.
func TestOthersAreLetInBesideTheLargestPage(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	cfg, deps := Defaults(), Deps{Resolver: warmAll{}, Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler)}
	cfg.Specs = pageSpecs
	lasting := newLasting(deps)
	lasting.memory.limit.Store(cfg.Rewrite.Memory)
	pages, err := newPages(cfg, deps, lasting, passing{})
	if err != nil {
		t.Fatal(err)
	}
	body := largestPage()
	rounds, stop := echoes(t)
	defer stop()
	for range 2 { // the first time its buffers are made
		j := pages.jobs.get(true)
		before := rounds.Load()
		if !pages.scanner.Scan(&j.found, []byte(body), page.Hosts{}) || !j.makeKnown() {
			t.Fatal("it is no page")
		}
		if err := pages.resolver.Resolve(t.Context(), j.found.IDs, j.known); err != nil {
			t.Fatal(err)
		}
		if reason := pages.write(j, []byte(body)); reason != "" || bytes.Count(j.out, []byte("https://cdn.test/")) != 2*60_000 {
			t.Fatalf("it is not rewritten: %q", reason)
		}
		served, slices := rounds.Load()-before, int64(len(body)/giveway.Stretch)
		if served < slices {
			t.Errorf("others were served %d times beside %d slices of the page", served, slices)
		}
		pages.jobs.put(j)
	}
}

// echoes are two ends of a connection that send each other a byte, over and over, and how
// often it came back.
func echoes(t *testing.T) (rounds *atomic.Int64, stop func()) {
	ln := wiretest.Listen(t)
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	rounds = new(atomic.Int64)
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(far, far) })
	both.Go(func() {
		var b [1]byte
		for {
			if _, err := near.Write(b[:]); err != nil {
				return
			}
			if _, err := near.Read(b[:]); err != nil {
				return
			}
			rounds.Add(1)
		}
	})
	return rounds, func() {
		_, _ = near.Close(), far.Close()
		both.Wait()
	}
}
