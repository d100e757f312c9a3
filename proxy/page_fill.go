package proxy

import (
	"bytes"
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
	decides  [thumb.MaxSpecs]uint64 // see pages
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
	f.decides = decidesOf(cfg.Specs)
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
		if n := f.fill(j, w, &nulls[0]); n > 0 {
			j.filled += n
			j.soonest.include(time.Unix(j.signedUntil, 0))
		}
		nulls = nulls[1:]
	}
	return nulls
}

// fill puts the URLs of a capture's labels in the place of its null, and says how many. A
// label that is not to be had is left out; without any the null stays, and the client
// does as it would without thumbedge.
func (f *filling) fill(j *job, w *page.Rewriter, null *page.Null) int {
	id, known := j.found.IDs[null.Capture], &j.known[null.Capture]
	if known.Standing != thumb.Draft {
		return 0
	}
	var dst []byte
	var room [20]byte
	digits := strconv.AppendInt(room[:0], int64(id), 10)
	filled, start := 0, 0
	for position := range f.specs {
		if known.Verdicts[position] != thumb.Warm && f.renderer.Failed(id, position) {
			continue
		}
		if filled++; filled == 1 {
			dst = w.OpenNull(null)
			start = len(dst)
			dst = append(dst, '{')
		} else {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, f.heads[position]...), digits...), f.tails[position]...)
		dst = j.signer.Append(dst, signing.Permission{ID: id, Label: f.specs[position].Label, Project: known.Project}, j.signedUntil)
		dst = append(dst, '"')
		if j.filled == 0 && filled == 1 { // the key, the site and the moment are the same for all
			j.decided.addText(dst[start:])
		}
		j.decided.add(f.decides[position])
	}
	if filled == 0 {
		return 0
	}
	w.Close(append(dst, '}'))
	j.decided.add(uint64(null.Start))
	j.decided.add(uint64(id))
	j.decided.add(uint64(known.Project))
	return filled
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
