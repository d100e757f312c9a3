package proxy

import (
	"os"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var benchSpecs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}

// BenchmarkPrivatePage compares a page of 40 captures as anyone gets it, all warm, with the
// same one as the app gives it to a member of a draft project.
func BenchmarkPrivatePage(b *testing.B) {
	public, err := os.ReadFile("page/testdata/page_40_captures.json")
	if err != nil {
		b.Fatal(err)
	}
	private := regexp.MustCompile(`\b1(0000[0-4][0-9]\b)`).ReplaceAll(public, []byte("2$1"))
	private = regexp.MustCompile(`"thumbnails":\{[^}]*\}`).ReplaceAll(private, []byte(`"thumbnails":null`))
	resolver := &knownCaptures{answers: map[thumb.ID]thumb.Known{}}
	for i := range 40 {
		id := thumb.ID(1_000_001 + i)
		known := thumb.Known{Standing: thumb.Public, Digits: [thumb.MaxSpecs]uint64{uint64(i), 2, 3}}
		known.Verdicts = [thumb.MaxSpecs]thumb.Verdict{thumb.Warm, thumb.Warm, thumb.Warm}
		resolver.answers[id] = known
		known.Standing, known.Project = thumb.Draft, testProject
		resolver.answers[id+1_000_000] = known
	}
	signer := testSigner(b, testSite)
	scanner, err := page.NewScanner(page.Config{Field: "thumbnails", Route: testRoute, Specs: benchSpecs})
	if err != nil {
		b.Fatal(err)
	}
	cfg := Defaults()
	cfg.Specs, cfg.Server.PublicURL = benchSpecs, "https://site.example"
	filling := newFilling(cfg, Deps{Renderer: &scriptedFilling{}, Metrics: NewMetrics(prometheus.NewRegistry()), Signer: func() *signing.Signer { return signer }})
	p := &pages{resolver: resolver, scanner: scanner, filling: filling, specs: benchSpecs, metrics: NewMetrics(prometheus.NewRegistry()).pages}
	held := new(memory)
	held.limit.Store(1 << 30)
	for name, body := range map[string][]byte{"public": public, "private": private} {
		b.Run(name, func(b *testing.B) {
			j := &job{memory: held}
			for b.Loop() {
				place := page.Nowhere
				if name == "private" {
					place = page.Captures
				}
				if !p.scanner.ScanAt(&j.found, body, page.Hosts{[]byte("antenna.example.org"), []byte("127.0.0.1:9000")}, place) || !j.makeKnown() {
					b.Fatal("not scanned")
				}
				_ = resolver.Resolve(b.Context(), j.found.IDs, j.known)
				if reason := p.write(j, body); reason != "" {
					b.Fatal(reason)
				}
				if urls := int(j.labels[labelWarm]) + j.filled; urls != 120 {
					b.Fatalf("%d URLs are written", urls)
				}
				j.signer, j.filled, j.labels = nil, 0, labelCounts{}
				j.work.Begin()
			}
		})
	}
}
