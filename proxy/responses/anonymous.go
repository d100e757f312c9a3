package responses

import (
	"bytes"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Anonymous pages are those of which the app says nothing: no lifetime, no word on who may
// have them. responses.anonymous_pages lets everyone have them who shows nothing of
// themselves, for as long as notifications arrive by which the database tells that
// somebody may see more, or less.

// harmless are headers that no app answers a page by, or whose values Vary names where one
// does. What the wire writes anew is harmless, too: it is in the key, or an address.
var harmless = field.NewSet("accept", "accept-charset", "accept-encoding", "accept-language", "user-agent", "referer", "origin",
	"cache-control", "pragma", "if-none-match", "if-modified-since", "dnt", "sec-gpc", "save-data", "priority", "upgrade-insecure-requests",
	"sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "sec-purpose", "purpose", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform",
	"via", "traceparent", "tracestate", "x-amzn-trace-id", "cf-ray")

// anonymous says which requests show nothing of who made them.
type anonymous struct {
	pages        time.Duration
	staleIfError time.Duration
	headers      *field.Set // beside harmless ones
	cookies      []string   // patterns of names
	connected    func() bool
}

func newAnonymous(cfg Config, connected func() bool) anonymous {
	a := anonymous{pages: cfg.AnonymousPages, staleIfError: cfg.StaleIfError, headers: new(field.Set), cookies: cfg.IgnoreCookies, connected: connected}
	for _, name := range cfg.AnonymousHeaders {
		a.headers.Put(strings.ToLower(name), true)
	}
	return a
}

// on says whether anonymous pages are kept and used now.
func (a *anonymous) on() bool {
	return a.pages+a.staleIfError > 0 && a.connected != nil && a.connected()
}

// covers says whether a request shows nothing of who made it.
func (a *anonymous) covers(raw []byte) bool {
	for name, value := range lines(raw) {
		switch {
		case field.Is(name, "cookie"):
			if !a.ignores(value) {
				return false
			}
		case harmless.Of(name), !wire.SentAsItCame(name), a.headers.Of(name):
		default:
			return false
		}
	}
	return true
}

// ignores says whether all cookies of a line count as none.
func (a *anonymous) ignores(line []byte) bool {
	for pair := range bytes.SplitSeq(line, []byte{';'}) {
		name, _, _ := bytes.Cut(pair, []byte{'='})
		if name = bytes.Trim(name, " \t"); !a.ignoresName(string(name)) {
			return false
		}
	}
	return true
}

func (a *anonymous) ignoresName(name string) bool {
	for _, pattern := range a.cookies {
		if prefix, open := strings.CutSuffix(pattern, "*"); open && strings.HasPrefix(name, prefix) || name == pattern {
			return true
		}
	}
	return false
}

// keeps says whether an answer to such a request is one of which the app says nothing.
func (a *anonymous) keeps(said *answer) bool {
	if !said.silent || said.status != 200 || said.cookies || said.varyAll || said.eventStream || said.age != 0 {
		return false
	}
	for _, name := range said.vary {
		if !variesHarmlessly.Of(name) {
			return false
		}
	}
	return len(said.encoding) == 0 || codingOf(said.encoding) != 0
}

var variesHarmlessly = field.NewSet("accept", "accept-encoding", "accept-language", "cookie", "origin")

// keep makes an entry one of an anonymous page.
func (a *anonymous) keep(e *Entry, asked time.Time) {
	e.anonymous, e.forEveryone = true, false
	e.life, e.initialAge = a.pages, e.received.Sub(asked)
	e.staleWhile, e.staleIfError = 0, a.staleIfError
}

// withoutCookies takes cookies that count as none off a request to the app.
func withoutCookies(form wire.Form) wire.Form { return without(form, "cookie") }
