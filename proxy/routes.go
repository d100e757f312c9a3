package proxy

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire"
)

// The routes, in the order of routeNames.
const (
	routePass wire.Route = iota
	routePage
	routeThumbnail
	routeFile
)

var routeNames = []string{"pass", "page", "thumbnail", "file"}

// router is the wire's Handler.
type router struct {
	route      []byte // of thumbnails
	filesPath  []byte
	pagePaths  [][]byte
	patterns   patterns
	origins    []string // that may read answers of our own
	pages      *pages
	thumbnails *thumbnails
	files      *files // nil where storage serves itself
	signatures bool   // a route URL may hold one, see takeSignature
	passing    passing
	limits     limits
	errorPage  *errorPage
	activity   *Activity
}

// newRouter makes the router of a configuration. It changes nothing of what lasts.
func newRouter(cfg Config, deps Deps, lasting *lasting) (*router, error) {
	rt := &router{
		activity: deps.Activity,
		route:    []byte(cfg.Rewrite.Route), filesPath: []byte(cfg.FilesPath), origins: cfg.Server.CORSOrigins,
		signatures: deps.Signer != nil,
	}
	var err error
	rt.passing = passing{passed: deps.Metrics.passed, cache: lasting.cache}
	if rt.errorPage, err = newErrorPage(cfg); err != nil {
		return nil, err
	}
	rt.limits = newLimits(cfg.Limits, lasting, deps.Metrics.limits)
	for _, path := range cfg.Rewrite.Paths {
		rt.pagePaths = append(rt.pagePaths, []byte(path))
		rt.patterns.pages = append(rt.patterns.pages, path+"*")
	}
	rt.patterns.thumbnail, rt.patterns.file = cfg.Rewrite.Route+"{id}/", cfg.FilesPath+"*"
	rt.thumbnails = newThumbnails(cfg, deps, lasting, rt.passing, rt.limits)
	if deps.Files != nil && cfg.FilesPath != "" {
		rt.files = newFiles(cfg, deps, rt.passing)
	}
	rt.pages, err = newPages(cfg, deps, lasting, rt.passing)
	return rt, err
}

// Serve hands a request to the part that answers it. Routes are matched on the
// canonical path; what is passed to the app is the target as it was sent.
func (rt *router) Serve(r *wire.Request) {
	sig := rt.takeSignature(r)
	if !admit(r, rt.limits.requests, rt.limits.refused.requests) {
		return
	}
	path := r.Path()
	plain := !r.Upgrades() && (r.Header().IsGet() || r.Header().IsHead())
	switch {
	case plain && isThumbnail(path, rt.route):
		r.MarkRoute(routeThumbnail)
		r.MarkPattern(rt.patterns.thumbnail)
		rt.thumbnails.serve(r, path[len(rt.route):], sig)
	case rt.couldBeThumbnail(r):
		r.MarkRoute(routeThumbnail)
		rt.thumbnails.passBounded(r, &wanted{}, reasonOddForm)
	case !plain:
		rt.activity.note(r.Started())
		rt.passing.pass(r, reasonNotEligible)
	case rt.files != nil && bytes.HasPrefix(path, rt.filesPath):
		r.MarkRoute(routeFile)
		r.MarkPattern(rt.patterns.file)
		rt.files.serve(r, path[len(rt.filesPath):])
	case rt.pagePath(path) >= 0:
		r.MarkRoute(routePage)
		r.MarkPattern(rt.patterns.pages[rt.pagePath(path)])
		rt.activity.note(r.Started())
		rt.pages.serve(r)
	default:
		rt.activity.note(r.Started())
		rt.passing.pass(r, reasonNotEligible)
	}
}

// takeSignature takes what may be a signature off a request for the route, however that
// is spelled, before anything else looks at it: neither the app nor a log gets it, be it
// valid or not. It may be called again.
func (rt *router) takeSignature(r *wire.Request) *signing.Signature {
	if !rt.signatures || !rt.underRoute(r.Path()) {
		return nil
	}
	rest, sig := signing.Take(r.Target())
	if sig != nil {
		r.SetTarget(rest)
	}
	return sig
}

// isThumbnail says whether a path is the route, and one segment below it; a slash may
// follow.
func isThumbnail(path, route []byte) bool {
	below, ok := bytes.CutPrefix(path, route)
	slash := bytes.IndexByte(below, '/')
	return ok && len(below) > 0 && slash != 0 && (slash < 0 || slash == len(below)-1)
}

// pagePath says which of rewrite.paths path is under; -1: none. The list of thumbnails
// itself is the app's.
func (rt *router) pagePath(path []byte) int {
	for i, prefix := range rt.pagePaths {
		if bytes.HasPrefix(path, prefix) {
			if bytes.Equal(path, rt.route) {
				return -1
			}
			return i
		}
	}
	return -1
}

// patterns are what spans call paths by.
type patterns struct {
	thumbnail, file string
	pages           []string // as pagePaths
}

// formOf returns the form of a request that is passed: as it came, but for the tags of
// rewritten pages, in whose place the app gets its own. If-None-Match of a GET that is
// not rewritten is left alone: the client may have a rewritten body.
func formOf(h *fasthttp.RequestHeader) wire.Form {
	if h.IsGet() || h.IsHead() {
		return withAppTags(h, wire.Form{}, "if-match")
	}
	return withAppTags(h, wire.Form{}, "if-match", "if-none-match")
}
