package sampleapp

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const defaultLimit = 10

// window is the part of a list that a request asks for.
type window struct{ limit, offset int64 }

func windowOf(query url.Values) window {
	w := window{limit: defaultLimit}
	if n, err := strconv.ParseInt(query.Get("limit"), 10, 32); err == nil && n > 0 {
		w.limit = n
	}
	if n, err := strconv.ParseInt(query.Get("offset"), 10, 32); err == nil && n >= 0 {
		w.offset = n
	}
	return w
}

// links returns the URLs of the next and the previous window, nil where there is
// none, with the query's members in order of name.
func (w window) links(r *http.Request, count int64) (next, previous *string) {
	link := func(offset int64) *string {
		query := r.URL.Query()
		query.Set("limit", strconv.FormatInt(w.limit, 10))
		query.Del("offset")
		if offset > 0 {
			query.Set("offset", strconv.FormatInt(offset, 10))
		}
		target := absolute(r, r.URL.EscapedPath()) + "?" + query.Encode()
		return &target
	}
	if w.offset+w.limit < count {
		next = link(w.offset + w.limit)
	}
	if w.offset > 0 {
		previous = link(w.offset - w.limit)
	}
	return next, previous
}

// filter returns the value of a query member that must be a whole number, nil
// where it is absent. Where it returns false the request is answered.
func filter(w http.ResponseWriter, query url.Values, name string) (*int64, bool) {
	text := query.Get(name)
	if text == "" {
		return nil, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string][]string{name: {"A valid integer is required."}})
		return nil, false
	}
	return &n, true
}

// order returns the ORDER BY of the request's ordering. Names that are not in
// columns are left out, as the framework does.
func order(query url.Values, columns map[string]string, otherwise string) string {
	var terms []string
	for name := range strings.SplitSeq(query.Get("ordering"), ",") {
		name, descending := strings.CutPrefix(strings.TrimSpace(name), "-")
		column, ok := columns[name]
		switch {
		case !ok:
		case descending:
			terms = append(terms, column+" DESC")
		default:
			terms = append(terms, column)
		}
	}
	return strings.Join(append(terms, otherwise), ", ")
}

// join returns where an original lies: base joined with path, its leading slash
// dropped. A base that is not a URL gives the path on the site itself.
func join(base, path string) string {
	at, err := url.Parse(base)
	if err != nil || base == "" {
		at = &url.URL{Path: "/"}
	}
	return at.ResolveReference(&url.URL{Path: strings.TrimPrefix(path, "/")}).String()
}

// bytesText is a size as people read it: "1.4 MB".
func bytesText(size int64) string {
	value, unit := float64(size), 0
	for value >= 1000 && unit < 4 {
		value, unit = value/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d Bytes", size)
	}
	return fmt.Sprintf("%.1f %s", value, [...]string{"", "kB", "MB", "GB", "TB"}[unit])
}
