package wire

import (
	"bytes"
	"slices"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Without upstream.preserve_host the app knows itself by the address at which it is
// reached here, and with a path in upstream.url by that path. Where its answer leads a
// client there, it is led to the site instead, as nginx does by proxy_redirect,
// proxy_cookie_domain and proxy_cookie_path.

// leadToSite changes what names the app's own address in a redirect, or in the domain or
// the path of a cookie.
func (c *client) leadToSite(h *Header) {
	for _, name := range [...]string{"Location", "Content-Location"} {
		if place, ok := c.onSite(h.Peek(name)); ok {
			h.SetBytesV(name, place)
		}
	}
	if refresh := h.Peek("Refresh"); len(refresh) > 0 {
		if i := bytes.Index(bytes.ToLower(refresh), []byte("url=")); i >= 0 {
			if place, ok := c.onSite(refresh[i+len("url="):]); ok {
				h.SetBytesV("Refresh", slices.Concat(refresh[:i+len("url=")], place))
			}
		}
	}
	h.edit("Set-Cookie", c.siteCookie)
}

// onSite returns where on the site a URL leads that leads to the app's own address or
// below its path; not ok: it is right as it is.
func (c *client) onSite(url []byte) (place []byte, ok bool) {
	if !c.now.Upstream.PreserveHost {
		if path, ok := c.belowApp(url); ok {
			path, _ = c.withoutPrefix(path)
			return path, true
		}
	}
	if path, ok := c.withoutPrefix(url); ok {
		return path, true
	}
	scheme, rest, ok := bytes.Cut(url, []byte("://"))
	slash := bytes.IndexByte(rest, '/')
	if !ok || slash < 0 || !bytes.EqualFold(withoutPort(rest[:slash], scheme), withoutPort(c.req.AppHost(), scheme)) {
		return nil, false
	}
	path, ok := c.withoutPrefix(rest[slash:])
	return slices.Concat(url[:len(url)-len(rest)+slash], path), ok
}

// withoutPrefix takes the app's own path off a path.
func (c *client) withoutPrefix(path []byte) (rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(path, c.s.pool.prefix)
	switch {
	case len(c.s.pool.prefix) == 0 || !ok || len(rest) > 0 && bytes.IndexByte([]byte("/?#"), rest[0]) < 0:
		return path, false
	case len(rest) == 0 || rest[0] != '/':
		return slices.Concat([]byte{'/'}, rest), true
	}
	return slices.Concat([]byte{'/'}, bytes.TrimLeft(rest, "/")), true // two would begin an authority
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

// siteCookie gives a cookie for the app's own host, or for its own path, to the site's.
func (c *client) siteCookie(cookie []byte) []byte {
	var attributes [][]byte
	changed := false
	for attribute := range bytes.SplitSeq(cookie, []byte{';'}) {
		name, value, _ := bytes.Cut(attribute, []byte{'='})
		domain := bytes.TrimPrefix(bytes.Trim(value, " \t"), []byte{'.'})
		if path, ok := c.withoutPrefix(bytes.Trim(value, " \t")); ok && len(attributes) > 0 && field.Is(bytes.Trim(name, " \t"), "path") {
			changed, attribute = true, slices.Concat(name, []byte{'='}, path)
		}
		if len(attributes) > 0 && !c.now.Upstream.PreserveHost && field.Is(bytes.Trim(name, " \t"), "domain") && bytes.EqualFold(domain, hostname(c.s.pool.host)) {
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
