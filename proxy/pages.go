package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/coding"
	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// pageWait is how long a page may wait for its bytes, in all, before it streams through.
const pageWait = 5 * time.Second

// pages rewrites the app's JSON responses. A page is read whole, looked through,
// resolved, and written with other URLs; wherever that cannot be done, what was read
// and what is still to come goes to the client as the app sent it.
type pages struct {
	resolver pageResolver
	renderer prefetcher
	filling  *filling // nil: nulls stay
	scanner  *page.Scanner
	maxBody  int64 // of a page, decoded
	jobs     *jobs
	turns    *turns
	codings  coding.Set
	compress bool // towards clients, what the app did not
	prefetch []prefetchRule
	specs    thumb.Specs
	decides  [thumb.MaxSpecs]uint64 // the labels, as tags have them
	form     wire.Form
	passing  passing
	metrics  *pageMetrics
	tracer   Tracer // nil: nobody follows requests
	log      *slog.Logger
}

// pageResolver is what pages take of a Resolver.
type pageResolver interface {
	Resolve(ctx context.Context, ids []thumb.ID, answers []thumb.Known) error
	Watch(ids []thumb.ID) (unchanged func() bool)
	PublicURLs() thumb.StorageURLs
}

// prefetcher is what pages take of a Renderer.
type prefetcher interface {
	Prefetch(id thumb.ID, position int)
}

func newPages(cfg Config, deps Deps, lasting *lasting, passing passing) (*pages, error) {
	hosts := append([]string{}, cfg.Rewrite.Hosts...)
	for _, address := range []string{cfg.Upstream.URL, cfg.Server.PublicURL} {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		}
	}
	scanner, err := page.NewScanner(page.Config{Field: cfg.Rewrite.Field, Route: cfg.Rewrite.Route, Specs: cfg.Specs, Hosts: hosts})
	if err != nil {
		return nil, fmt.Errorf("making the scanner of pages: %w", err)
	}
	p := &pages{
		resolver: deps.Resolver, renderer: deps.Renderer, scanner: scanner, maxBody: cfg.Rewrite.MaxBody,
		jobs: lasting.jobs, turns: lasting.turns, codings: coding.All(), compress: cfg.Server.Compress,
		form:    wire.Form{Without: field.NewSet("if-none-match", "if-modified-since", "if-range")},
		passing: passing, metrics: deps.Metrics.pages, tracer: deps.Tracer, log: deps.Log,
	}
	p.filling = newFilling(cfg, deps)
	p.prefetch, p.specs = newPrefetch(cfg.Rewrite.Prefetch, cfg.Specs), cfg.Specs
	p.decides = decidesOf(cfg.Specs)
	return p, nil
}

// formOf asks the app for a page whole, in a coding that can be decoded. The client may
// get another body: its validators are left out, and compared with the body that it gets.
func (p *pages) formOf(h *fasthttp.RequestHeader) wire.Form {
	form := withAppTags(h, p.form, "if-match")
	if accepted := p.codings.Cut(h.PeekAll(fasthttp.HeaderAcceptEncoding)); accepted != nil {
		form = withLine(form, "accept-encoding", accepted)
	}
	return form
}

// serve answers GET and HEAD under rewrite.paths.
func (p *pages) serve(r *wire.Request) {
	if len(r.Header().Peek(fasthttp.HeaderRange)) > 0 {
		p.passing.pass(r, reasonRange)
		return
	}
	answer, entry := p.passing.take(r, p.formOf(r.Header()))
	if answer == nil {
		return
	}
	if reason := p.ineligible(&answer.Header); reason != "" {
		p.passAnswer(r, answer, reason)
		return
	}
	if r.Header().IsHead() {
		p.head(r, answer)
		return
	}
	encoding := answer.Header.Peek(fasthttp.HeaderContentEncoding)
	j := p.jobs.get(isLarge(answer.Length(), isCoded(encoding)))
	defer p.jobs.put(j)
	j.prefetch = p.prefetchOf(r.Path())
	reason := p.read(j, answer)
	if reason == "" && isLarge(len(j.body), isCoded(encoding)) && !p.takeTurn(j, r.ClientKey(), r.Wait) {
		reason = reasonBusy
	}
	if reason == "" {
		j.place = p.filling.placeOf(r, &answer.Header)
		if j.sought = j.place; answer.Watched() {
			j.sought = p.filling.placeOfPath(r)
		}
		reason = p.rewriteTraced(r, j, encoding, entry)
		if j.nulls { // what members see in their place is not in the page
			answer.Unwatch()
		} else {
			answer.Whole(j.body)
		}
	}
	if reason == "" && !p.send(r, j, answer, entry) {
		reason = reasonMemory
	}
	if reason != "" {
		j.leave()
		answer.Unread(j.raw)
		p.passAnswer(r, answer, reason)
	}
	p.startCold(j)
}

// head answers HEAD. Nobody knows what GET would make of this page, so nothing is
// said that only holds for one of its two forms.
func (p *pages) head(r *wire.Request, answer *wire.Answer) {
	answer.Header.Del(fasthttp.HeaderContentLength)
	answer.Header.Del(fasthttp.HeaderETag)
	removeDescriptions(&answer.Header)
	p.passed(r, reasonHead)
	answer.Pass()
}

// read makes j.body the whole body: in place where it fits into the buffer that
// it was read into, in j.raw otherwise. A reason is why the page streams through;
// what was taken off the answer is in j.raw then, too.
func (p *pages) read(j *job, answer *wire.Answer) passReason {
	length := int64(answer.Length())
	limit := p.maxBody
	switch {
	case length == 0:
		return reasonEmpty
	case length > limit:
		return reasonTooLarge
	case !j.chargeBuffers():
		return reasonMemory
	}
	answer.SetReadTimeout(pageWait)
	defer answer.SetReadTimeout(0)
	body, fits, err := answer.InPlace()
	if fits {
		if !j.charge(len(body)) {
			err = errMemory
		}
		j.body = body
	} else {
		err = j.fill(&j.raw, answer, length, limit)
		j.body = j.raw
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errTooLarge):
		return reasonTooLarge
	case errors.Is(err, errMemory):
		return reasonMemory
	case errors.Is(err, os.ErrDeadlineExceeded):
		return reasonStalled
	}
	return reasonBroken // passing it through will break off at the same place
}

// rewriteTraced is rewrite, with a span around it.
func (p *pages) rewriteTraced(r *wire.Request, j *job, encoding []byte, entry *responses.Entry) passReason {
	if p.tracer == nil {
		return p.rewrite(context.Background(), r, j, encoding, entry)
	}
	ctx, end := p.tracer.Span(r.Traced(), "rewrite")
	reason := p.rewrite(ctx, r, j, encoding, entry)
	if end != nil {
		end("", slog.Int("thumbedge.page.bytes", len(j.body)), slog.Int("thumbedge.page.captures", j.captures()),
			slog.Int("thumbedge.page.warm", int(j.labels[labelWarm])), slog.String("thumbedge.reason", string(reason)))
	}
	return reason
}

// rewrite makes j.out of what was read, and remembers with its entry in the response cache,
// if there is one, what was found in it. A reason is why it stays as it is.
func (p *pages) rewrite(ctx context.Context, r *wire.Request, j *job, encoding []byte, entry *responses.Entry) passReason {
	if isCoded(encoding) {
		if j.coding = p.codings.Of(encoding); j.coding == nil {
			return reasonEncoding
		}
	}
	hosts := page.Hosts{r.AppHost(), r.ForwardedHost()}
	j.kept = p.findingsOf(entry, hosts)
	if p.repeat(r, j, j.kept) {
		return ""
	}
	body, reason := p.look(j, j.kept, hosts)
	if reason != "" {
		return reason
	}
	if j.kept == nil {
		j.kept = p.keepFindings(j, entry, hosts, body)
	}
	p.countOthers(j.found.OtherHost, j.found.OtherLabel)
	p.watch(j, j.kept, len(body))
	switch {
	case len(j.found.Refs) == 0 && len(j.found.Nulls) == 0 && len(j.ahead) == 0:
		return reasonOfNone(j)
	case !j.makeKnown():
		return reasonMemory
	}
	if err := p.resolver.Resolve(ctx, j.found.IDs, j.known); err != nil {
		j.found.Nulls = j.found.Nulls[:0] // while the database is away nothing is filled in
		p.metrics.unresolved.Inc()
		p.log.Debug("page resolved in part", slog.String("error", err.Error()))
	}
	j.addNeighbours(len(p.specs))
	if len(j.found.Refs) == 0 && len(j.found.Nulls) == 0 {
		return reasonOfNone(j)
	}
	if reason := p.write(j, body); reason != "" {
		return reason
	}
	j.coding = p.codingTo(r, j.coding, &j.soonest, len(j.out))
	return ""
}

// reasonOfNone is why a page without route URLs stays as it is.
func reasonOfNone(j *job) passReason {
	if j.found.OtherHost > 0 {
		return reasonAuthority
	}
	return reasonNoRoutes
}

// minPacked is the size, in bytes, from which compressing pays where the app did not
// compress.
const minPacked = 1 << 10

// codingTo returns the coding in which the client gets what was rewritten: the one that
// the app used, or where server.compress is on one that the client likes. A page with
// signed URLs stays plain for a client with cookies: the app may echo parts of the
// request in it, and its size would tell them apart (the BREACH attack).
func (p *pages) codingTo(r *wire.Request, apps *coding.Coding, soonest *expiry, size int) *coding.Coding {
	switch {
	case soonest.set && len(r.Header().Peek(fasthttp.HeaderCookie)) > 0:
		return nil
	case apps != nil || !p.compress || size < minPacked:
		return apps
	}
	return p.codings.Liked(r.Header().Peek(fasthttp.HeaderAcceptEncoding))
}

// passAnswer sends the app's answer on as it is, or says that the client has it.
func (p *pages) passAnswer(r *wire.Request, answer *wire.Answer, reason passReason) {
	if answer.Header.StatusCode() == fasthttp.StatusOK && unchanged(r, &answer.Header) {
		p.notModified(r, answer)
		return
	}
	p.passed(r, reason)
	answer.Pass()
}

// Sentinel errors of reading a body into memory.
var (
	errTooLarge = errors.New("body is larger than rewrite.max_body")
	errMemory   = errors.New("rewrite.memory is in use")
)
