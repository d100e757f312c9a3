package wire

import (
	"bytes"
	"slices"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Without upstream.preserve_host the app knows itself by the address at which it is
// reached here. Where its answer leads a client there, it is led to the site instead, as
// nginx does by proxy_redirect and proxy_cookie_domain.

// leadToSite changes what names the app's own address in a redirect or in the domain of a
// cookie.
func (c *client) leadToSite(h *Header) {
	for _, name := range [...]string{"Location", "Content-Location"} {
		if path, ok := c.belowApp(h.Peek(name)); ok {
			h.SetBytesV(name, path)
		}
	}
	if refresh := h.Peek("Refresh"); len(refresh) > 0 {
		if i := bytes.Index(bytes.ToLower(refresh), []byte("url=")); i >= 0 {
			if path, ok := c.belowApp(refresh[i+len("url="):]); ok {
				h.SetBytesV("Refresh", slices.Concat(refresh[:i+len("url=")], path))
			}
		}
	}
	h.edit("Set-Cookie", c.siteCookie)
}

// belowApp returns what follows the app's own authority in an http or https URL: the same
// place on the site, whatever that is called.
func (c *client) belowApp(url []byte) (path []byte, ok bool) {
	scheme, rest, ok := bytes.Cut(url, []byte("://"))
	if !ok || !bytes.EqualFold(scheme, plain) && !bytes.EqualFold(scheme, secure) {
		return nil, false
	}
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if !bytes.EqualFold(withoutPort(rest[:end], scheme), withoutPort(c.s.pool.host, scheme)) {
		return nil, false
	}
	if path = rest[end:]; len(path) == 0 || path[0] != '/' {
		path = slices.Concat([]byte{'/'}, path)
	}
	// Two slashes would begin an authority.
	return slices.Concat([]byte{'/'}, bytes.TrimLeft(path, "/")), true
}

// siteCookie gives a cookie for the app's own host to the site's.
func (c *client) siteCookie(cookie []byte) []byte {
	var attributes [][]byte
	changed := false
	for attribute := range bytes.SplitSeq(cookie, []byte{';'}) {
		name, value, _ := bytes.Cut(attribute, []byte{'='})
		domain := bytes.TrimPrefix(bytes.Trim(value, " \t"), []byte{'.'})
		if len(attributes) > 0 && field.Is(bytes.Trim(name, " \t"), "domain") && bytes.EqualFold(domain, hostname(c.s.pool.host)) {
			changed = true
			site := c.req.ForwardedHost()
			if site == nil {
				site = c.req.host
			}
			if len(site) == 0 { // a cookie without a domain is the host's that set it
				continue
			}
			attribute = slices.Concat(name, []byte{'='}, hostname(site))
		}
		attributes = append(attributes, attribute)
	}
	if !changed {
		return cookie
	}
	return bytes.Join(attributes, []byte{';'})
}

// hostname leaves out a port.
func hostname(host []byte) []byte {
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && bytes.IndexByte(host[i:], ']') < 0 {
		return host[:i]
	}
	return host
}
