package proxy

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Before the original or an error, a wider warm label takes the place of one that is
// busy or has failed; a narrower one never does.
func TestWiderLabelTakesTheFailedOnesPlace(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{thumb.ErrBusy, thumb.ErrOriginalUnavailable, thumb.ErrOriginalUnusable,
		fmt.Errorf("%w: %w", thumb.ErrOriginalUnusable, thumb.ErrUnshowable)} {
		renderer := &scriptedRenderer{err: fmt.Errorf("rendering: %w", failure), original: "https://originals.example/1.jpg"}
		resolver := scripted()
		resolver.answers[20] = thumb.Known{Standing: thumb.Public, Verdicts: [thumb.MaxSpecs]thumb.Verdict{thumb.Cold, thumb.Warm, thumb.Warm, thumb.Warm}}
		resolver.answers[21] = thumb.Known{Standing: thumb.Public, Verdicts: [thumb.MaxSpecs]thumb.Verdict{thumb.Warm, thumb.Stale, thumb.Cold, thumb.Warm}}
		p, _ := startThumbnails(t, resolver, renderer, func(cfg *Config) {
			// Not in the order of their widths.
			cfg.Specs = thumb.Specs{{Label: "small", Width: 240, FallbackOriginal: true}, {Label: "large", Width: 2560}, {Label: "medium", Width: 1024}, {Label: "tiny", Width: 80}}
		})
		for target, want := range map[string]string{
			"20/?label=small": "/media/20/2.jpg", // medium, the narrowest of the wider ones
			"20/?label=tiny":  "",                // warm itself
			"21/?label=large": "error",
			"2/?label=large":  "error",
		} {
			got := p.Exchange(wiretest.Get(testRoute + target))
			location := joinedField(got, "Location")
			switch {
			case want == "error" && (statusOf(got) == "302" || statusOf(got) == "200"):
				t.Errorf("%v, %s: %s", failure, target, got)
			case strings.HasPrefix(want, "/") && (location != want || joinedField(got, "Cache-Control") != "no-store"):
				t.Errorf("%v, %s: %s", failure, target, got)
			}
		}
		if n := count(p.metrics.thumbnails[outcomeWider]); n != 1 {
			t.Errorf("%v: counted %d times", failure, n)
		}
	}
}

func TestNobodyIsSentToAnOriginalThatNoBrowserShows(t *testing.T) {
	t.Parallel()
	renderer := &scriptedRenderer{err: fmt.Errorf("%w: a zip file: %w", thumb.ErrOriginalUnusable, thumb.ErrUnshowable), original: "https://originals.example/1.zip"}
	p, _ := startThumbnails(t, scripted(), renderer, nil)
	if got := p.Exchange(wiretest.Get(testRoute + "2/")); statusOf(got) != "422" || joinedField(got, "Location") != "" {
		t.Errorf("got %s", got)
	}
}

// What the app makes of an original that is left to it is passed on as it is, and told
// to the renderer where it is a failure.
func TestAppsWordOnAFormat(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{200: "", 302: "", 401: "", 403: "", 408: "", 429: "",
		400: "refused=true", 404: "refused=true", 415: "refused=true", 422: "refused=true", 500: "refused=false", 502: "refused=false", 503: "refused=false", 0: "refused=false"} {
		says := wiretest.Answering(fmt.Sprintf("HTTP/1.1 %d Word\r\nContent-Length: 4\r\n\r\nword", status))
		if status == 0 {
			says = func(a *wiretest.App, _ *net.TCPConn, br *bufio.Reader) { _, _ = a.Read(br) } // and hangs up
		}
		a := wiretest.StartApp(t, says)
		renderer := &scriptedRenderer{err: fmt.Errorf("%w: jpeg2000", thumb.ErrOriginalForApp)}
		p := startProxy(t, a.Addr, func(_ *Config, deps *Deps) { deps.Resolver, deps.Renderer = scripted(), renderer })
		got := p.Exchange(wiretest.Get(testRoute + "2/"))
		if status != 0 && (statusOf(got) != fmt.Sprint(status) || wiretest.Body(got) != "word") {
			t.Errorf("the app's %d came as %s", status, got)
		}
		calls := strings.TrimPrefix(renderer.called(), "2/0")
		if want != "" {
			want = " app failed 2/0 " + want
		}
		if calls != want {
			t.Errorf("status %d: the renderer was told %q, want %q", status, calls, want)
		}
		if n := count(p.metrics.passed[reasonFormat]); n != 1 {
			t.Errorf("status %d: counted %d times", status, n)
		}
	}
}

// Each kind of request that could make the app render has places of its own, and a line
// before them, which is bounded in number and time.
func TestFallbacksWaitInLinesOfTheirOwn(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, err := a.Read(br); err != nil {
				return
			}
			arrived <- struct{}{}
			<-release
			if _, err := conn.Write([]byte(wiretest.OK)); err != nil {
				return
			}
		}
	})
	start := func(wait time.Duration) *testProxy {
		return startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
			cfg.Upstream.MaxFallbacks, cfg.FallbackQueue, cfg.FallbackWait = 1, 2, wait
			deps.Resolver, deps.Renderer = scripted(), &scriptedRenderer{err: thumb.ErrOriginalForApp}
		})
	}
	p := start(time.Hour)
	send := func(p *testProxy, target string) *wiretest.Client {
		return p.Dial().Send(wiretest.Get(testRoute + target))
	}
	all := []*wiretest.Client{send(p, "2/")}
	<-arrived
	all = append(all, send(p, "3/"), send(p, "5/"))
	line := &p.server.lasting.fallbacks.lines[fallbackFormat]
	eventually.Holds(t, "two wait", func() bool { return line.length() == 2 })
	if got := p.Exchange(wiretest.Get(testRoute + "2/")); statusOf(got) != "503" || joinedField(got, "Retry-After") == "" {
		t.Errorf("one that finds the line full: %s", got)
	}
	all = append(all, send(p, "4/")) // not public
	<-arrived
	all = append(all, send(p, "2/?label=huge"))
	<-arrived
	if n := len(arrived); n != 0 {
		t.Errorf("%d more requests of a kind are at the app", n)
	}
	leaving := send(p, "4/")
	private := &p.server.lasting.fallbacks.lines[fallbackPrivate]
	eventually.Holds(t, "it waits", func() bool { return private.length() == 1 })
	leaving.Close()
	eventually.Holds(t, "its place in the line is free when it leaves", func() bool { return private.length() == 0 })

	hurried := start(10 * time.Millisecond)
	all = append(all, send(hurried, "2/"))
	<-arrived
	if got := hurried.Exchange(wiretest.Get(testRoute + "3/")); statusOf(got) != "503" {
		t.Errorf("one whose wait is over: %s", got)
	}
	free()
	for i, client := range all {
		if got := client.Answer(); statusOf(got) != "200" {
			t.Errorf("request %d: %s", i, got)
		}
	}
}
