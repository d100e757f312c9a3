package proxy

import (
	"bytes"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// filling puts signed URLs in the place of nulls. To captures of draft projects the app
// gives no thumbnails, not even for members, since an <img> can send no Authorization
// header. But a page is the app's own word that this client may see the captures in it,
// and that is what is signed into it.
type filling struct {
	signer   func() *signing.Signer
	renderer fillingRenderer
	base     string // of route URLs: never a Host, which the client makes up
	captures []byte // the path of captures
	events   []byte // and of events
	specs    thumb.Specs
	heads    [thumb.MaxSpecs]string // of a label's member, up to the capture's id
	tails    [thumb.MaxSpecs]string // what follows that, up to the signature
	texts    filledTexts
	filled   prometheus.Counter
}

// fillingRenderer is what filling takes of a Renderer.
type fillingRenderer interface {
	PrivateReady() bool
	Failed(id thumb.ID, position int) bool
}

// newFilling returns nil where nothing is signed. Captures and events are the folders of
// those names beside each other, as the route says: a route that lies elsewhere has none.
func newFilling(cfg Config, deps Deps) *filling {
	captures, ok := strings.CutSuffix(cfg.Rewrite.Route, "thumbnails/")
	api, beside := strings.CutSuffix(captures, "captures/")
	if deps.Signer == nil || !ok || !beside {
		return nil
	}
	f := &filling{
		signer: deps.Signer, renderer: deps.Renderer, base: strings.TrimSuffix(cfg.Server.PublicURL, "/") + cfg.Rewrite.Route,
		captures: []byte(captures), events: []byte(api + "events/"), specs: cfg.Specs, filled: deps.Metrics.filled,
	}
	for position, spec := range cfg.Specs {
		f.heads[position] = `"` + spec.Label + `":"` + f.base
		f.tails[position] = "/?label=" + spec.Label + "&"
	}
	return f
}

// placeOf says where nulls of a page may be filled in. That is nowhere unless the app sent
// the page to this very client, whom the request names: an answer with an Age was somebody
// else's before.
func (f *filling) placeOf(r *wire.Request, h *wire.Header) page.Place {
	if f == nil {
		return page.Nowhere
	}
	request := r.Header()
	named := len(request.Peek(fasthttp.HeaderAuthorization)) > 0 || len(request.Peek(fasthttp.HeaderCookie)) > 0
	if !named || len(h.Peek(fasthttp.HeaderAge)) > 0 || f.signer() == nil || !f.renderer.PrivateReady() {
		return page.Nowhere
	}
	return f.placeOfPath(r)
}

// placeOfPath says where nulls of captures stand in pages of the request's path.
func (f *filling) placeOfPath(r *wire.Request) page.Place {
	if f == nil {
		return page.Nowhere
	}
	path, _, _ := bytes.Cut(r.Target(), []byte{'?'}) // as it was sent: no spelling but the plain one
	if below, ok := bytes.CutPrefix(path, f.captures); ok && (len(below) == 0 || isID(below)) {
		return page.Captures
	}
	switch below, ok := bytes.CutPrefix(path, f.events); {
	case ok && len(below) == 0:
		return page.Events
	case ok && isID(below):
		return page.Event
	}
	return page.Nowhere
}

// isID says whether a segment with its slash is an id.
func isID(below []byte) bool {
	digits, ok := bytes.CutSuffix(below, []byte("/"))
	_, isID := thumb.ParseID(digits)
	return ok && isID
}

// room is about how many bytes take the place of one null.
func (f *filling) room() int {
	if f == nil {
		return 0
	}
	const rest = 128 // expiry and signature, label, id, punctuation
	return len(f.specs) * (len(f.base) + rest)
}

// fillUntil fills those nulls that stand before an index of the body, and returns the rest.
// All of a page are signed for the same moment.
func (f *filling) fillUntil(j *job, w *page.Rewriter, nulls []page.Null, end int) []page.Null {
	if len(nulls) == 0 {
		return nulls
	}
	if j.signer == nil {
		if j.signer = f.signer(); j.signer == nil {
			return nil
		}
		j.signedUntil = j.signer.Expiry(time.Now())
	}
	for len(nulls) > 0 && nulls[0].Start < end {
		j.work.Did(nullWork)
		f.fill(j, w, &nulls[0])
		nulls = nulls[1:]
	}
	if j.filled > 0 {
		j.soonest.include(time.Unix(j.signedUntil, 0))
	}
	return nulls
}

// fill puts the URLs of a capture's labels in the place of its null. A label that is not to
// be had is left out; without any the null stays, and the client does as it would without
// thumbedge.
func (f *filling) fill(j *job, w *page.Rewriter, null *page.Null) {
	id, known := j.found.IDs[null.Capture], &j.known[null.Capture]
	if known.Standing != thumb.Draft {
		return
	}
	of := filledOf{signer: j.signer, id: id, project: known.Project, until: j.signedUntil}
	for position := range f.specs {
		if known.Verdicts[position] == thumb.Warm || !f.renderer.Failed(id, position) {
			of.labels |= 1 << position
		}
	}
	if of.labels == 0 {
		return
	}
	dst := w.OpenNull(null)
	start := len(dst)
	dst, hash, ok := f.texts.append(dst, &of)
	if !ok {
		dst = f.sign(dst, &of)
		hash = f.texts.remember(&of, dst[start:])
	}
	w.Close(dst)
	j.filled += bits.OnesCount64(of.labels)
	j.decided.add(uint64(null.Start))
	j.decided.add(hash)
}

// sign appends the object that takes a null's place.
func (f *filling) sign(dst []byte, of *filledOf) []byte {
	opens := byte('{')
	for position, spec := range f.specs {
		if of.labels>>position&1 == 0 {
			continue
		}
		dst = append(append(dst, opens), f.heads[position]...)
		dst = append(strconv.AppendInt(dst, int64(of.id), 10), f.tails[position]...)
		dst = of.signer.Append(dst, signing.Permission{ID: of.id, Label: spec.Label, Project: of.project}, of.until)
		dst = append(dst, '"')
		opens = ','
	}
	return append(dst, '}')
}

// describe makes the head of a page with signatures keep it with this client. Fields that
// speak to shared caches alone count more with them than Cache-Control: they go.
func (f *filling) describe(h *wire.Header) {
	for _, name := range lifetimeFields(h) {
		if name != "cache-control" {
			h.Del(name)
		}
	}
	h.Del(accelExpires)
	control := []byte("private")
	for _, line := range h.PeekAll(fasthttp.HeaderCacheControl) {
		for directive := range field.Tokens(line) {
			name, _, _ := bytes.Cut(directive, []byte("="))
			name = bytes.TrimRight(name, " \t")
			if field.Is(name, "public") || field.Is(name, "private") || field.Is(name, "s-maxage") || field.Is(name, "proxy-revalidate") {
				continue
			}
			control = append(append(control, ", "...), directive...)
		}
	}
	h.SetBytesV(fasthttp.HeaderCacheControl, control)
	h.Set("Referrer-Policy", "no-referrer")
	addVary(h, "Authorization")
	addVary(h, "Cookie")
}

func newFilledMetric(reg prometheus.Registerer) prometheus.Counter {
	return promauto.With(reg).NewCounter(prometheus.CounterOpts{
		Name: "thumbedge_signed_labels_total", Help: "Labels of drafts that were signed into pages in the place of null.",
	})
}
