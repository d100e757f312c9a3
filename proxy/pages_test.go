package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// knownCaptures is a Resolver that knows some captures.
type knownCaptures struct {
	mu      sync.Mutex
	answers map[thumb.ID]thumb.Known
	err     error
	asked   [][]thumb.ID
	urls    thumb.StorageURLs // without a Base: those of storageURL
	changes int
}

var pageSpecs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}}

func storageURL(id thumb.ID, label string) string {
	return fmt.Sprintf("https://cdn.test/thumbnails/capture_%d/%s_0123456789abcdef.jpg", id, label)
}

func (k *knownCaptures) Resolve(_ context.Context, ids []thumb.ID, answers []thumb.Known) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asked != nil {
		k.asked = append(k.asked, append([]thumb.ID(nil), ids...))
	}
	for i, id := range ids {
		answers[i] = k.answers[id]
	}
	return k.err
}

func (k *knownCaptures) Fresh(context.Context, thumb.ID) (thumb.Known, error) {
	return thumb.Known{}, thumb.ErrDatabase
}

func (k *knownCaptures) AppendURL(dst []byte, id thumb.ID, known *thumb.Known, position int) ([]byte, time.Time) {
	urls := k.PublicURLs()
	return urls.Append(dst, id, known, pageSpecs[position].Label, position), urls.Expires
}

func (k *knownCaptures) PublicURLs() thumb.StorageURLs {
	k.mu.Lock()
	defer k.mu.Unlock()
	urls := k.urls
	if urls.Base == "" {
		urls.Base = "https://cdn.test/"
	}
	urls.Own = thumb.Keys(urls.Base + "thumbnails/")
	return urls
}

// writeURLs has storage URLs written like this from now on.
func (k *knownCaptures) writeURLs(urls thumb.StorageURLs) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.urls = urls
}

// signer signs by its name.
type signer string

func (s signer) AppendSignature(dst []byte, _ int) []byte {
	return append(append(dst, "?X-Amz-Signature="...), s...)
}

func (s signer) Name() []byte { return []byte(s) }

func (k *knownCaptures) AppendKey(dst []byte, id thumb.ID, _ *thumb.Known, position int) []byte {
	return fmt.Appendf(dst, "%d/%s.jpg", id, pageSpecs[position].Label)
}

func (k *knownCaptures) set(id thumb.ID, verdicts ...thumb.Verdict) {
	k.mu.Lock()
	defer k.mu.Unlock()
	answer := thumb.Known{Standing: thumb.Public, Digits: [thumb.MaxSpecs]uint64{0x0123456789abcdef, 0x0123456789abcdef}}
	copy(answer.Verdicts[:], verdicts)
	k.answers[id] = answer
	k.changes++
}

func (k *knownCaptures) Watch([]thumb.ID) func() bool {
	changes := func() int {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.changes
	}
	before := changes()
	return func() bool { return changes() == before }
}

// warmCaptures are captures 1 (warm), 2 (small warm, medium cold), 3 (stale), 4
// (private), 5 (missing); all others are unresolved.
func warmCaptures() *knownCaptures {
	k := &knownCaptures{answers: map[thumb.ID]thumb.Known{4: {Standing: thumb.Private}, 5: {Standing: thumb.Missing}}}
	// A private capture's verdicts are not looked at, whatever they are.
	private := k.answers[4]
	private.Verdicts = [thumb.MaxSpecs]thumb.Verdict{thumb.Warm, thumb.Warm}
	k.answers[4] = private
	k.set(1, thumb.Warm, thumb.Warm)
	k.set(2, thumb.Warm, thumb.Cold)
	k.set(3, thumb.Stale, thumb.Stale)
	return k
}

// prefetched is a Renderer that takes note.
type prefetched struct {
	Renderer
	calls chan string
}

func (p *prefetched) Prefetch(id thumb.ID, position int) {
	p.calls <- fmt.Sprintf("%d %s", id, pageSpecs[position].Label)
}

// startPages starts a proxy whose app answers each request by respond; what it
// returns is sent as it is. An empty answer ends the connection.
func startPages(t *testing.T, resolver Resolver, edit func(*Config, *Deps), respond func(request string) string) (*testProxy, *wiretest.App) {
	t.Helper()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		for {
			request, err := a.Read(br)
			if err != nil {
				return
			}
			answer := respond(request)
			if _, err := io.WriteString(conn, answer); err != nil || answer == "" {
				return
			}
		}
	})
	return startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Specs = pageSpecs
		cfg.Server.DebugHeaders = true
		deps.Resolver = resolver
		if edit != nil {
			edit(cfg, deps)
		}
	}), a
}

// jsonAnswer is an answer with that body and those header lines.
func jsonAnswer(body string, lines ...string) string {
	return "HTTP/1.1 200 OK\r\n" + strings.Join(append(lines, "Content-Type: application/json"), "\r\n") +
		fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func route(id int, label string) string {
	return fmt.Sprintf("http://site.test/api/v2/captures/thumbnails/%d/?label=%s", id, label)
}

// thumbnailsOf is a page with both labels of those captures.
func thumbnailsOf(ids ...int) string {
	var captures []string
	for _, id := range ids {
		captures = append(captures, fmt.Sprintf(`{"id":%d,"thumbnails":{"small":"%s","medium":"%s"},"comment":"%s"}`, id, route(id, "small"), route(id, "medium"), route(id, "small")))
	}
	return `{"count":7,"results":[` + strings.Join(captures, ",") + `]}`
}

const pageTarget = "/api/v2/captures/?limit=20"

func TestPageIsRewrittenByVerdict(t *testing.T) {
	t.Parallel()
	captures := warmCaptures()
	captures.asked = [][]thumb.ID{}
	metrics := NewMetrics(prometheus.NewRegistry())
	renderer := &prefetched{calls: make(chan string, 10)}
	p, a := startPages(t, captures, func(cfg *Config, deps *Deps) {
		cfg.Rewrite.Prefetch = PrefetchRules{{Labels: []string{"medium"}}}
		deps.Metrics, deps.Renderer = metrics, renderer
	}, func(string) string {
		return jsonAnswer(thumbnailsOf(1, 2, 3, 4, 5, 6), "X-App: kept", "Vary: Accept, Origin")
	})

	answer := p.Exchange("GET " + pageTarget + " HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: gzip, br\r\nCookie: a=b\r\n\r\n")
	want := thumbnailsOf(1, 2, 3, 4, 5, 6)
	for _, warm := range []struct {
		id    int
		label string
	}{{1, "small"}, {1, "medium"}, {2, "small"}} {
		want = strings.Replace(want, `"`+warm.label+`":"`+route(warm.id, warm.label), `"`+warm.label+`":"`+storageURL(thumb.ID(warm.id), warm.label), 1)
	}
	if diff := cmp.Diff(want, wiretest.Body(answer)); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"X-App": "kept", "Vary": "Accept, Origin", "Content-Type": "application/json", "Content-Length": fmt.Sprint(len(want)),
		"Cache-Status": "thumbedge; fwd=uri-miss; detail=rewritten", "ETag": "", "Cache-Control": "",
	} {
		if got := strings.Join(wiretest.Fields(answer, name), " | "); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	request := a.Seen()[0]
	if got := wiretest.Fields(request, "Accept-Encoding"); len(got) != 1 || got[0] != "gzip, br" {
		t.Errorf("the app was asked for %q", got)
	}
	if got := wiretest.Fields(request, "Cookie"); len(got) != 1 || got[0] != "a=b" {
		t.Errorf("the app got the cookie %q", got)
	}
	captures.mu.Lock()
	asked := captures.asked
	captures.mu.Unlock()
	if diff := cmp.Diff([][]thumb.ID{{1, 2, 3, 4, 5, 6}}, asked); diff != "" {
		t.Error(diff)
	}
	for verdict, want := range map[labelVerdict]int{
		labelWarm: 3, labelCold: 1, labelStale: 2, labelPrivate: 2, labelMissing: 2, labelUnresolved: 2,
	} {
		if got := count(metrics.pages.labels[verdict]); got != want {
			t.Errorf("%d labels are %s, want %d", got, verdict, want)
		}
	}
	if count(metrics.pages.rewritten) != 1 || count(metrics.pages.untouched) != 0 {
		t.Error("the page is not counted as rewritten")
	}
	for _, want := range []string{"2 medium", "3 medium"} {
		if got := <-renderer.calls; got != want {
			t.Errorf("prefetched %q, want %q", got, want)
		}
	}
	eventually.Holds(t, "the log says what became of the page", func() bool {
		return strings.Contains(p.log.String(), `msg="page rewritten"`) && strings.Contains(p.log.String(), "warm=3")
	})
}

// The same page twice is the same bytes twice, over one connection too.
func TestPageTwiceIsTheSame(t *testing.T) {
	t.Parallel()
	p, _ := startPages(t, warmCaptures(), nil, func(string) string { return jsonAnswer(thumbnailsOf(1, 2), "ETag: \"app\"") })
	w := p.Dial()
	first := w.Send(wiretest.Get(pageTarget)).Answer()
	if second := w.Send(wiretest.Get(pageTarget)).Answer(); second != first || !strings.Contains(first, storageURL(1, "small")) {
		t.Errorf("first:\n%s\nthen:\n%s", first, second)
	}
}

// A database that does not answer leaves what is not in memory as it was.
func TestPageWithoutDatabase(t *testing.T) {
	t.Parallel()
	captures := warmCaptures()
	captures.err = thumb.ErrDatabase
	metrics := NewMetrics(prometheus.NewRegistry())
	p, _ := startPages(t, captures, func(_ *Config, deps *Deps) { deps.Metrics = metrics }, func(request string) string {
		if strings.Contains(request, "known") {
			return jsonAnswer(thumbnailsOf(1, 6))
		}
		return jsonAnswer(thumbnailsOf(6, 7))
	})
	if body := wiretest.Body(p.Exchange(wiretest.Get(pageTarget + "&known"))); !strings.Contains(body, storageURL(1, "small")) || !strings.Contains(body, route(6, "medium")) {
		t.Errorf("what is in memory was not used: %s", body)
	}
	if body := wiretest.Body(p.Exchange(wiretest.Get(pageTarget))); body != thumbnailsOf(6, 7) {
		t.Errorf("the page is not the app's: %s", body)
	}
	if got := count(metrics.pages.unresolved); got != 2 {
		t.Errorf("%d pages are counted as unresolved, want 2", got)
	}
}

// A page recorded from the real app, behind every kind of framing.
func TestPageFraming(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile("page/testdata/page_40_captures.json")
	if err != nil {
		t.Fatal(err)
	}
	large := "[" + strings.TrimSuffix(strings.Repeat(string(recorded)+",", 5), ",") + "]"
	captures := &knownCaptures{answers: map[thumb.ID]thumb.Known{}}
	for i := range 40 {
		captures.set(thumb.ID(1000001+i), thumb.Warm, thumb.Warm)
	}
	p, _ := startPages(t, captures, func(cfg *Config, _ *Deps) { cfg.Rewrite.Hosts = []string{"127.0.0.1:9000"} }, func(request string) string {
		body := string(recorded)
		if strings.Contains(request, "large") {
			body = large
		}
		head := "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
		switch {
		case strings.Contains(request, "chunked"):
			var chunks strings.Builder
			for len(body) > 0 {
				part := body[:min(len(body), 9999)]
				body = body[len(part):]
				fmt.Fprintf(&chunks, "%x\r\n%s\r\n", len(part), part)
			}
			return head + "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunks.String() + "0\r\nX-Sum: 1\r\n\r\n"
		default:
			return head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
	rewritten := strings.Count(string(recorded), "label=small") + strings.Count(string(recorded), "label=medium")
	for _, c := range []struct {
		target string
		pages  int
	}{{"sized", 1}, {"chunked", 1}, {"sized-large", 5}, {"chunked-large", 5}} {
		w := p.Dial()
		for range 2 {
			answer := w.Send(wiretest.Get("/api/v2/captures/" + c.target)).Answer()
			if got := strings.Count(wiretest.Body(answer), "https://cdn.test/"); got != c.pages*rewritten {
				t.Errorf("%s: %d URLs are rewritten, want %d", c.target, got, c.pages*rewritten)
			}
			if fields := wiretest.Fields(answer, "Transfer-Encoding"); len(fields) > 0 || len(wiretest.Fields(answer, "Trailer")) > 0 {
				t.Errorf("%s: a whole body goes out with %q", c.target, fields)
			}
		}
	}
}

// startSlow starts a proxy whose app sends the begin of an answer and, when goOn
// is closed, ends the connection.
func startSlow(t *testing.T, metrics *Metrics, begin string, goOn chan struct{}) *testProxy {
	t.Helper()
	a := wiretest.StartApp(t, func(a *wiretest.App, conn *net.TCPConn, br *bufio.Reader) {
		if _, err := a.Read(br); err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+begin)
		<-goOn
	})
	return startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Specs = pageSpecs
		deps.Resolver, deps.Metrics = warmCaptures(), metrics
	})
}
