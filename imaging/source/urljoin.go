package source

import (
	"slices"
	"strings"
)

// urljoin is urllib.parse.urljoin of Python, with which the app finds its originals. It
// differs from RFC 3986, section 5.2, and from net/url in what people's paths are full
// of: empty segments of a relative path and of its base vanish ("a//b" is "a/b"), tabs
// and line breaks are dropped, parameters (";") belong to the last segment alone.
//
// Schemes other than http and https count as those that Python resolves nothing
// against: nothing is fetched by them anyway.
func urljoin(base, reference string) string {
	if base == "" {
		return reference
	}
	if reference == "" {
		return base
	}
	b, r := splitURL(base), splitURL(reference)
	if r.scheme == "" {
		r.scheme = b.scheme
	}
	switch {
	case r.scheme != b.scheme || r.scheme != "" && r.scheme != "http" && r.scheme != "https":
		return reference
	case r.host != "":
		return r.String()
	}
	r.host = b.host
	if r.path == "" && r.params == "" {
		r.path, r.params = b.path, b.params
		if r.query == "" {
			r.query = b.query
		}
		return r.String()
	}
	r.path = resolve(b.path, r.path)
	return r.String()
}

// resolve resolves one path against another.
func resolve(base, path string) string {
	segments := strings.Split(path, "/")
	if !strings.HasPrefix(path, "/") {
		folders := strings.Split(base, "/")
		if last := len(folders) - 1; folders[last] != "" {
			folders = folders[:last] // a file
		}
		segments = slices.Concat(folders, segments)
		if len(segments) > 2 {
			inner := slices.DeleteFunc(slices.Clone(segments[1:len(segments)-1]), func(s string) bool { return s == "" })
			segments = slices.Concat(segments[:1], inner, segments[len(segments)-1:])
		}
	}
	var resolved []string
	for _, segment := range segments {
		switch segment {
		case "..":
			resolved = resolved[:max(0, len(resolved)-1)]
		case ".":
		default:
			resolved = append(resolved, segment)
		}
	}
	if last := segments[len(segments)-1]; last == "." || last == ".." {
		resolved = append(resolved, "")
	}
	if joined := strings.Join(resolved, "/"); joined != "" {
		return joined
	}
	return "/"
}

// parts are those of a URL as Python's urlparse has them.
type parts struct{ scheme, host, path, params, query, fragment string }

// splitURL is urlparse.
func splitURL(text string) (p parts) {
	text = strings.TrimLeftFunc(text, func(r rune) bool { return r <= ' ' })
	text = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(text)
	if before, after, ok := strings.Cut(text, ":"); ok && isScheme(before) {
		p.scheme, text = strings.ToLower(before), after
	}
	if after, ok := strings.CutPrefix(text, "//"); ok {
		end := strings.IndexAny(after, "/?#")
		if end < 0 {
			end = len(after)
		}
		p.host, text = after[:end], after[end:]
	}
	text, p.fragment, _ = strings.Cut(text, "#")
	text, p.query, _ = strings.Cut(text, "?")
	p.path = text
	name := strings.LastIndexByte(text, '/') + 1
	if at := strings.IndexByte(text[name:], ';'); at >= 0 {
		p.path, p.params = text[:name+at], text[name+at+1:]
	}
	return p
}

// String is urlunparse.
func (p parts) String() string {
	text := p.path
	if p.params != "" {
		text += ";" + p.params
	}
	if p.host != "" || p.scheme != "" && !strings.HasPrefix(text, "//") {
		if text != "" && text[0] != '/' {
			text = "/" + text
		}
		text = "//" + p.host + text
	}
	if p.scheme != "" {
		text = p.scheme + ":" + text
	}
	if p.query != "" {
		text += "?" + p.query
	}
	if p.fragment != "" {
		text += "#" + p.fragment
	}
	return text
}
