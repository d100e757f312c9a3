package responses

import (
	"bytes"
	"net/url"

	"github.com/thumbedge/thumbedge/proxy/wire"
)

// Changed is told of the app's answer to any request. After one that may have changed
// something, what is kept of its target is dropped, and of the Location and
// Content-Location that the answer names on the same origin (RFC 9111 section 4.4); so are
// the pages that are under the same path of pages, for one capture shows in many of them.
func (c *Cache) Changed(r *wire.Request, h *wire.Header) {
	if isSafe(r.Header().Method()) || h.StatusCode() < 200 || h.StatusCode() > 399 {
		return
	}
	site := r.AppendSite(nil)
	c.drop(append(bytes.Clone(site), r.Target()...))
	for _, name := range [...]string{"Location", "Content-Location"} {
		for _, reference := range h.PeekAll(name) {
			if target := onSite(r, reference); target != nil {
				c.drop(append(bytes.Clone(site), target...))
			}
		}
	}
	if page := c.Page(r.Path()); page > 0 {
		c.clock.invalidatePages(page)
	}
}

// isSafe says whether a method changes nothing (RFC 9110 section 9.2.1). One that is not
// known here may change anything.
func isSafe(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// onSite returns the target of a reference to the origin of the request; nil: it leads
// elsewhere.
func onSite(r *wire.Request, reference []byte) []byte {
	base, err := url.ParseRequestURI(string(r.Target()))
	if err != nil {
		return nil
	}
	to, err := url.Parse(string(reference))
	if err != nil {
		return nil
	}
	if to.Host != "" && !(bytes.EqualFold([]byte(to.Host), r.AppHost()) || bytes.EqualFold([]byte(to.Host), r.ForwardedHost())) ||
		to.Scheme != "" && to.Scheme != string(r.Scheme()) {
		return nil
	}
	return []byte(base.ResolveReference(to).RequestURI())
}
