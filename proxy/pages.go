package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// stall is how long a page may wait for its bytes, in all, before it streams through.
const stall = 5 * time.Second

// pages rewrites the app's JSON responses (DESIGN.md section 3). A page is read
// whole, looked through, resolved, and written with other URLs; wherever that
// cannot be done, what was read and what is still to come goes to the client as
// the app sent it.
type pages struct {
	s         *Server
	scanner   *page.Scanner
	memory    memory
	jobs      sync.Pool
	decodings []*decoding
	encodings encodings
	prefetch  [thumb.MaxSpecs]bool // by position: start rendering where a page shows it cold
}

func newPages(s *Server) (*pages, error) {
	cfg := &s.cfg
	hosts := append([]string{}, cfg.Rewrite.Hosts...)
	for _, address := range []string{cfg.Upstream.URL, cfg.Server.PublicURL} {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		}
	}
	scanner, err := page.NewScanner(page.Config{Field: cfg.Rewrite.Field, Route: cfg.Rewrite.Route, Specs: cfg.Specs, Hosts: hosts})
	p := &pages{s: s, scanner: scanner, decodings: newDecodings()}
	p.memory.limit = cfg.Rewrite.Memory
	p.jobs.New = func() any { return &job{memory: &p.memory} }
	for _, label := range cfg.Rewrite.Prefetch {
		position := cfg.Specs.Index(label)
		if label == "" || position < 0 || position >= thumb.MaxSpecs {
			err = errors.Join(err, fmt.Errorf("rewrite.prefetch: %q is not a configured label", label))
			continue
		}
		p.prefetch[position] = true
	}
	return p, err
}

// serve answers GET and HEAD under rewrite.paths.
func (p *pages) serve(ctx *fasthttp.RequestCtx) {
	if len(ctx.Request.Header.Peek(fasthttp.HeaderRange)) > 0 {
		p.s.passThrough(ctx, reasonRange)
		return
	}
	answer, err := p.s.roundTrip(ctx, asPage)
	if err != nil {
		p.s.failed(ctx, err)
		return
	}
	if reason := p.ineligible(&answer.Header); reason != "" {
		p.passAnswer(ctx, answer, reason)
		return
	}
	if ctx.IsHead() {
		p.head(ctx, answer)
		return
	}
	j := p.jobs.Get().(*job)
	defer p.release(j)
	reason := p.read(j, answer)
	if reason == "" {
		reason = p.rewrite(ctx, j, answer.Header.Peek(fasthttp.HeaderContentEncoding))
	}
	if reason == "" {
		p.send(ctx, j, answer)
	} else {
		answer.unread(j.raw)
		p.passAnswer(ctx, answer, reason)
	}
	p.startCold(j)
}

// head answers HEAD. Nobody knows what GET would make of this page, so nothing is
// said that only holds for one of its two forms.
func (p *pages) head(ctx *fasthttp.RequestCtx, answer *appResponse) {
	answer.Header.Del(fasthttp.HeaderContentLength)
	answer.Header.Del(fasthttp.HeaderETag)
	removeDescriptions(&answer.Header)
	p.passed(ctx, reasonHead)
	answer.pass(ctx)
}

// read makes j.body the whole body: in place where it fits into the buffer that
// it was read into, in j.raw otherwise. A reason is why the page streams through;
// what was taken off the answer is in j.raw then, too.
func (p *pages) read(j *job, answer *appResponse) passReason {
	length := int64(answer.ContentLength())
	limit := p.s.cfg.Rewrite.MaxBody
	switch {
	case length == 0:
		return reasonEmpty
	case length > limit:
		return reasonTooLarge
	case !j.begin():
		return reasonMemory
	}
	answer.SetReadTimeout(stall)
	defer answer.SetReadTimeout(0)
	body, fits, err := answer.inPlace()
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

// rewrite makes j.out of what was read. A reason is why it stays as it is.
func (p *pages) rewrite(ctx *fasthttp.RequestCtx, j *job, encoding []byte) passReason {
	body := j.body
	if len(encoding) > 0 && string(encoding) != "identity" {
		if err := p.decode(j, encoding); err != nil {
			switch {
			case errors.Is(err, errTooLarge):
				return reasonTooLarge
			case errors.Is(err, errMemory):
				return reasonMemory
			}
			return reasonEncoding
		}
		body = j.text
	}
	hosts := page.Hosts{p.s.appHost(ctx), p.s.forwardedHost(ctx)}
	weight := j.found.Weight()
	whole := p.scanner.Scan(&j.found, body, hosts)
	fits := j.charge(j.found.Weight() - weight)
	p.countOthers(&j.found)
	switch {
	case !whole:
		return reasonNotJSON
	case len(j.found.Refs) == 0 && j.found.OtherHost > 0:
		return reasonAuthority
	case len(j.found.Refs) == 0:
		return reasonNoRoutes
	case !fits:
		return reasonMemory
	}
	if !j.makeAnswers() {
		return reasonMemory
	}
	if err := p.s.resolver.Resolve(context.Background(), j.found.IDs, j.answers); err != nil {
		p.s.metrics.pages.unresolved.Inc()
		p.s.log.Debug("page resolved in part", slog.String("error", err.Error()))
	}
	return p.write(j, body)
}

// passAnswer sends the app's answer on as it is, or says that the client has it.
func (p *pages) passAnswer(ctx *fasthttp.RequestCtx, answer *appResponse, reason passReason) {
	if answer.Header.StatusCode() == fasthttp.StatusOK && unchanged(&ctx.Request.Header, &answer.Header) {
		p.notModified(ctx, answer)
		return
	}
	p.passed(ctx, reason)
	answer.pass(ctx)
}

// startCold begins to render what the page showed cold, for labels that are to be.
// The page is with the client by then.
func (p *pages) startCold(j *job) {
	for _, at := range j.cold {
		ref := &j.found.Refs[at]
		p.s.renderer.Prefetch(j.found.IDs[ref.Capture], ref.Position)
	}
}

func (p *pages) release(j *job) {
	j.end()
	p.s.metrics.pages.memory.Set(float64(p.memory.used.Load()))
	p.jobs.Put(j)
}

// Sentinel errors of reading a body into memory.
var (
	errTooLarge = errors.New("body is larger than rewrite.max_body")
	errMemory   = errors.New("rewrite.memory is in use")
)
