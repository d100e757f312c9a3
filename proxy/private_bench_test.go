package proxy

import (
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var benchSpecs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}

// benchPages are the pages of BenchmarkPrivatePage, and what writes them.
type benchPages struct {
	*pages
	captures *knownCaptures
	bodies   map[page.Place][]byte // Nowhere: the public one
}

func newBenchPages(b *testing.B) *benchPages {
	public, err := os.ReadFile("page/testdata/page_40_captures.json")
	if err != nil {
		b.Fatal(err)
	}
	private := regexp.MustCompile(`\b1(0000[0-4][0-9]\b)`).ReplaceAll(public, []byte("2$1"))
	private = regexp.MustCompile(`"thumbnails":\{[^}]*\}`).ReplaceAll(private, []byte(`"thumbnails":null`))
	captures := &knownCaptures{answers: map[thumb.ID]thumb.Known{}}
	for i := range 40 {
		id := thumb.ID(1_000_001 + i)
		known := thumb.Known{Standing: thumb.Public, Digits: [thumb.MaxSpecs]uint64{uint64(i), 2, 3}}
		known.Verdicts = [thumb.MaxSpecs]thumb.Verdict{thumb.Warm, thumb.Warm, thumb.Warm}
		captures.answers[id] = known
		known.Standing, known.Project = thumb.Draft, testProject
		captures.answers[id+1_000_000] = known
	}
	signer := testSigner(b, testSite)
	scanner, err := page.NewScanner(page.Config{Field: "thumbnails", Route: testRoute, Specs: benchSpecs})
	if err != nil {
		b.Fatal(err)
	}
	filling := newFillingOf(&scriptedFilling{}, benchSpecs, func() *signing.Signer { return signer })
	p := &pages{resolver: captures, scanner: scanner, filling: filling, specs: benchSpecs, metrics: NewMetrics(prometheus.NewRegistry()).pages}
	return &benchPages{pages: p, captures: captures, bodies: map[page.Place][]byte{page.Nowhere: public, page.Captures: private}}
}

// once scans, resolves and writes a page.
func (p *benchPages) once(b *testing.B, j *job, place page.Place) {
	body := p.bodies[place]
	if !p.scanner.ScanAt(&j.found, body, page.Hosts{[]byte("antenna.example.org"), []byte("127.0.0.1:9000")}, place) || !j.makeKnown() {
		b.Fatal("not scanned")
	}
	_ = p.captures.Resolve(b.Context(), j.found.IDs, j.known)
	if reason := p.write(j, body); reason != "" {
		b.Fatal(reason)
	}
	if urls := int(j.labels[labelWarm]) + j.filled; urls != 120 {
		b.Fatalf("%d URLs are written", urls)
	}
	j.signer, j.filled, j.labels = nil, 0, labelCounts{}
	j.work.Begin()
}

// BenchmarkPrivatePage compares a page of 40 captures as anyone gets it, all warm, with the
// same one as the app gives it to a member of a draft project. What counts is the last one's
// ratio, of pages in turns.
func BenchmarkPrivatePage(b *testing.B) {
	p := newBenchPages(b)
	held := new(memory)
	held.limit.Store(1 << 30)
	public, private := &job{memory: held}, &job{memory: held}
	b.Run("public", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.once(b, public, page.Nowhere)
		}
	})
	b.Run("private", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.once(b, private, page.Captures)
		}
	})
	b.Run("in turns", func(b *testing.B) {
		var ratios []float64
		for b.Loop() {
			began := time.Now()
			p.once(b, public, page.Nowhere)
			between := time.Now()
			p.once(b, private, page.Captures)
			ratios = append(ratios, float64(time.Since(between))/float64(between.Sub(began)))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "private/public")
	})
}

// BenchmarkFill puts three signed URLs in a null's place: the same as before, as in a page that
// is polled, and others. A signature is less than a third of it.
func BenchmarkFill(b *testing.B) {
	signer := testSigner(b, testSite)
	f := newFillingOf(&scriptedFilling{}, benchSpecs, func() *signing.Signer { return signer })
	known := thumb.Known{Standing: thumb.Draft, Project: testProject, Verdicts: [thumb.MaxSpecs]thumb.Verdict{thumb.Warm, thumb.Warm, thumb.Warm}}
	j, dst := jobOfNull(12, &known), make([]byte, 0, 1<<10)
	for name, step := range map[string]int64{"remembered": 0, "signed": 1} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				j.known[0].Project += step
				f.fillOnly(j, dst)
			}
		})
	}
}
