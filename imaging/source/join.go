package source

import (
	"fmt"
	"net/url"
	"strings"
)

// join resolves a capture's path against its public base URL as the app does: by
// urljoin, the path's leading slashes dropped. Both come from people and cameras: bytes
// that no URL may hold, such as spaces, are escaped, and a percent sign that begins no
// escape stands for itself, as in the app's HTTP client.
func join(base, path string) (*url.URL, error) {
	if scheme := splitURL(base).scheme; scheme != "" && scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("the capture's public base URL is a %s URL", scheme)
	}
	joined, err := parseLoosely(urljoin(base, strings.TrimLeft(path, "/")))
	if err != nil {
		return nil, fmt.Errorf("joining the capture's public base URL and path: %w", err)
	}
	if joined.Scheme == "" && joined.Host == "" && !strings.HasPrefix(joined.Path, "/") {
		joined.Path, joined.RawPath = "/"+joined.Path, "/"+joined.RawPath // a path of the site
	}
	return joined, nil
}

// parseLoosely reads a URL or a relative reference (RFC 3986, appendix B).
func parseLoosely(text string) (*url.URL, error) {
	u := new(url.URL)
	rest, _, _ := strings.Cut(text, "#")
	if scheme, after, ok := strings.Cut(rest, ":"); ok && isScheme(scheme) {
		u.Scheme, rest = strings.ToLower(scheme), after
	}
	if u.Scheme != "" && !strings.HasPrefix(rest, "/") {
		u.Opaque = escapeIllegal(rest)
		return u, nil
	}
	rest, query, _ := strings.Cut(rest, "?")
	u.RawQuery = escapeIllegal(query)
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		end := strings.IndexByte(after, '/')
		if end < 0 {
			end = len(after)
		}
		parsed, err := url.Parse("//" + after[:end])
		if err != nil || strings.ContainsAny(parsed.Host, "\"<>") { // which package url lets through
			return nil, fmt.Errorf("the host is not one")
		}
		u.Host, u.User, rest = parsed.Host, parsed.User, after[end:]
	}
	escaped := escapeIllegal(rest)
	decoded, err := url.PathUnescape(escaped)
	if err != nil {
		escaped = strings.ReplaceAll(escaped, "%", "%25")
		if decoded, err = url.PathUnescape(escaped); err != nil {
			return nil, err
		}
	}
	u.Path, u.RawPath = decoded, escaped
	return u, nil
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || !('0' <= s[i] && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.')) {
			return false
		}
	}
	return s != ""
}

// escapeIllegal escapes the bytes that may stand in no path or query.
func escapeIllegal(s string) string {
	const legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/?%"
	const hex = "0123456789ABCDEF"
	var escaped strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(legal, c) >= 0 {
			escaped.WriteByte(c)
		} else {
			escaped.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return escaped.String()
}
