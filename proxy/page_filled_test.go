package proxy

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// While one remembered text is being looked at, others are: what two pages share is a slot
// of 4096, which nobody holds for longer than a text takes to be copied.
func TestFilledTextsAreRememberedApart(t *testing.T) {
	t.Parallel()
	texts := new(filledTexts)
	held := texts.slot(1)
	held.Lock()
	defer held.Unlock()
	filled := 0
	for id := thumb.ID(2); id < 10_000; id++ {
		if texts.slot(id) == held {
			continue
		}
		filled++
		of := &filledOf{id: id, project: testProject, labels: 1}
		hash := texts.remember(of, []byte("text"))
		if text, again, ok := texts.append(nil, of); !ok || again != hash || string(text) != "text" {
			t.Fatalf("capture %d is not remembered: %q", id, text)
		}
	}
	if filled < 9_990 {
		t.Errorf("%d of 10,000 captures share the one slot", 10_000-filled)
	}
}

// What differs in anything that decides a text is another one.
func TestFilledTextsAreOfOneThing(t *testing.T) {
	t.Parallel()
	texts, signer, other := new(filledTexts), testSigner(t, testSite), testSigner(t, testSite)
	of := filledOf{signer: signer, id: 7, project: testProject, until: 1790000000, labels: 3}
	hash := texts.remember(&of, []byte("small and medium"))
	for name, change := range map[string]func(of *filledOf){
		"another signer":              func(of *filledOf) { of.signer = other },
		"another capture in its slot": func(of *filledOf) { of.id += thumb.ID(len(texts)) },
		"another project":             func(of *filledOf) { of.project++ },
		"another moment":              func(of *filledOf) { of.until++ },
		"another label":               func(of *filledOf) { of.labels = 5 },
		"a label less":                func(of *filledOf) { of.labels = 1 },
	} {
		differs := of
		change(&differs)
		if texts.slot(differs.id) != texts.slot(of.id) {
			t.Errorf("%s: in another slot", name)
		}
		if text, _, ok := texts.append(nil, &differs); ok || len(text) > 0 {
			t.Errorf("%s has %q", name, text)
		}
	}
	if text, again, ok := texts.append([]byte("a "), &of); !ok || again != hash || string(text) != "a small and medium" {
		t.Errorf("remembered is %q", text)
	}
	shorter := of
	shorter.labels = 1
	if texts.remember(&shorter, []byte("small")) == hash {
		t.Error("another text has the same hash")
	}
	if text, _, _ := texts.append(nil, &shorter); string(text) != "small" {
		t.Errorf("a shorter text in its place is %q", text)
	}
}

// newFillingOf returns a filling by itself.
func newFillingOf(renderer Renderer, specs thumb.Specs, signer func() *signing.Signer) *filling {
	cfg := Defaults()
	cfg.Specs, cfg.Server.PublicURL = specs, "https://site.example"
	return newFilling(cfg, Deps{Renderer: renderer, Metrics: NewMetrics(prometheus.NewRegistry()), Signer: signer})
}

// nullBody is a page with the null of one capture, which jobOfNull returns the job of.
var nullBody = []byte(`{"id":12,"thumbnails":null}`)

func jobOfNull(id thumb.ID, known *thumb.Known) *job {
	j := &job{known: []thumb.Known{*known}}
	j.found.IDs = []thumb.ID{id}
	j.found.Nulls = []page.Null{{Start: bytes.Index(nullBody, []byte("null"))}}
	return j
}

// fillOnly returns what filling makes of the page.
func (f *filling) fillOnly(j *job, dst []byte) []byte {
	j.work.Begin()
	w := page.NewRewriter(dst, nullBody)
	f.fillUntil(j, &w, j.found.Nulls, len(nullBody))
	return w.Finish()
}

// What takes a null's place follows at once whatever decides it, and so does the page's tag.
func TestWhatIsFilledInFollows(t *testing.T) {
	t.Parallel()
	known := thumb.Known{Standing: thumb.Draft, Project: testProject}
	renderer, signer := &scriptedFilling{}, testSigner(t, testSite)
	f := newFillingOf(renderer, pageSpecs, func() *signing.Signer { return signer })
	fill := func() (string, decided) {
		j := jobOfNull(12, &known)
		text := f.fillOnly(j, nil)
		return string(text), j.decided
	}
	tags := map[decided]string{}
	for _, step := range []struct {
		name   string
		change func()
		want   string
	}{
		{"as it is", func() {}, "small medium"},
		{"a label fails", func() { renderer.failed = map[thumb.ID]string{12: "0"} }, "medium"},
		{"the other one does", func() { renderer.failed = map[thumb.ID]string{12: "1"} }, "small"},
		{"another signer", func() { renderer.failed, signer = nil, testSigner(t, "another site") }, "small medium"},
		{"another project", func() { known.Project++ }, "small medium"},
	} {
		step.change()
		text, tag := fill()
		var labels []string
		for _, found := range signedURL.FindAllStringSubmatch(text, -1) {
			_, sig := signing.Take([]byte(found[2]))
			if !signer.Verify(sig, signing.Permission{ID: 12, Label: found[1], Project: known.Project}, time.Now()) {
				t.Errorf("%s: %s does not verify", step.name, found[2])
			}
			labels = append(labels, found[1])
		}
		if got := strings.Join(labels, " "); got != step.want || !json.Valid([]byte(text)) {
			t.Errorf("%s: %q are signed in %s", step.name, got, text)
		}
		if other, ok := tags[tag]; ok {
			t.Errorf("%s has the tag of %s", step.name, other)
		}
		tags[tag] = step.name
		if again, same := fill(); again != text || same != tag {
			t.Errorf("%s: again it is %s, and was %s", step.name, again, text)
		}
	}
}
