package proxy

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Whatever decides what is signed into a page decides its tag: else a client would be told
// that URLs which have stopped to work are the present ones.
func TestTagOfAFilledPage(t *testing.T) {
	t.Parallel()
	tags := map[string]string{}
	for name, c := range map[string]struct {
		ids     []int
		change  func(k *knownCaptures, f *scriptedFilling)
		site    string
		public  string
		renamed bool
	}{
		"as it is":              {ids: []int{11, 12}},
		"another capture":       {ids: []int{11, 13}},
		"in another order":      {ids: []int{12, 11}},
		"another site":          {ids: []int{11, 12}, site: "11111111-2222-3333-4444-555555555555"},
		"another public URL":    {ids: []int{11, 12}, public: "https://other.example"},
		"another label's name":  {ids: []int{11, 12}, renamed: true},
		"a label fails":         {ids: []int{11, 12}, change: func(_ *knownCaptures, f *scriptedFilling) { f.failed = map[thumb.ID]string{12: "1"} }},
		"the other label fails": {ids: []int{11, 12}, change: func(_ *knownCaptures, f *scriptedFilling) { f.failed = map[thumb.ID]string{12: "0"} }},
		"a null stays":          {ids: []int{11, 12}, change: func(_ *knownCaptures, f *scriptedFilling) { f.failed = map[thumb.ID]string{12: "01"} }},
		"another project": {ids: []int{11, 12}, change: func(k *knownCaptures, _ *scriptedFilling) {
			moved := k.answers[12]
			moved.Project++
			k.answers[12] = moved
		}},
	} {
		captures, renderer := draftCaptures(), &scriptedFilling{}
		captures.answers[13] = captures.answers[12]
		if c.change != nil {
			c.change(captures, renderer)
		}
		if c.site == "" {
			c.site = testSite
		}
		if c.public == "" {
			c.public = "https://site.example"
		}
		signer := testSigner(t, c.site)
		p, _ := startPages(t, captures, func(cfg *Config, deps *Deps) {
			cfg.Server.PublicURL, deps.Renderer = c.public, renderer
			deps.Signer = func() *signing.Signer { return signer }
			if c.renamed {
				cfg.Specs = thumb.Specs{pageSpecs[0], {Label: "medina", Width: 1024}}
			}
		}, func(string) string { return jsonAnswer(nullOf(c.ids...), `ETag: "a"`) })
		answer := p.Exchange(getAs(member, pageTarget))
		tag := joinedField(answer, "ETag")
		if !strings.Contains(wiretest.Body(answer), "signature") || tag == "" {
			t.Errorf("%s: nothing is signed: %s", name, answer)
		}
		if other, ok := tags[tag]; ok {
			t.Errorf("%s has the tag of %s", name, other)
		}
		tags[tag] = name
	}
}
