package responses

import (
	"net/http"
	"time"
)

// Reason says why an answer was not kept, or a request was not answered from memory: a
// metric's label, and the detail of Cache-Status. "" is none.
type Reason string

// The reasons why an answer is not kept.
const (
	reasonStatus        Reason = "status"         // no final answer, a part, or no answer of its own
	reasonNoStore       Reason = "no_store"       //
	reasonPrivate       Reason = "private"        //
	reasonSetCookie     Reason = "set_cookie"     //
	reasonVary          Reason = "vary"           // on everything, on what the proxy itself writes, or on more than mostVaried headers
	reasonStream        Reason = "stream"         // events, or under upstream.stream_paths
	reasonUnderstood    Reason = "not_understood" // must-understand, and a status that is not known
	reasonAuthorization Reason = "authorization"  // the client showed credentials
	reasonCookie        Reason = "cookie"         // or a cookie
	reasonEncoding      Reason = "encoding"       // a coding that not every client with these codings has
	reasonNoLifetime    Reason = "no_lifetime"    // the app gave none
	reasonNoUse         Reason = "expired"        // it came stale, and with nothing to validate it by
	reasonLarge         Reason = "large"          // above responses.max_object
	reasonBroken        Reason = "broken_off"     //
	reasonOutdated      Reason = "outdated"       // what changed meanwhile may not be in it
)

// mostVaried is how many headers an answer may vary by: each of a URL's answers is compared
// with a request header by header.
const mostVaried = 16

// unstorable says why an answer to a GET must not be kept, or is not worth it; "" where it
// may be (RFC 9111 section 3).
func unstorable(q *request, a *answer, asked, now time.Time) Reason {
	d := &a.directives
	switch {
	case a.status < 200, a.status == http.StatusPartialContent, a.status == http.StatusNotModified:
		return reasonStatus
	case d.noStore, d.broken, q.directives.noStore, q.directives.broken:
		return reasonNoStore
	case d.private:
		return reasonPrivate
	case a.cookies:
		return reasonSetCookie
	case a.varyAll, len(a.vary) > mostVaried:
		return reasonVary
	case a.eventStream:
		return reasonStream
	case d.mustUnderstand && http.StatusText(a.status) == "":
		return reasonUnderstood
	case q.authorization && !a.forEveryone() && !d.mustRevalidate:
		return reasonAuthorization
	case q.cookie && !a.forEveryone():
		return reasonCookie
	case a.variesBy("accept-encoding") && len(a.encoding) > 0 && codingOf(a.encoding) == 0:
		return reasonEncoding
	}
	if !a.explicit() && !d.noCache {
		return reasonNoLifetime
	}
	a.readDates(now)
	if len(a.tag) == 0 && len(a.modified) == 0 && (d.noCache || a.lifetime(now) <= a.initialAge(asked, now)) && !a.usableStale() {
		return reasonNoUse
	}
	return ""
}

func (a *answer) usableStale() bool {
	return !a.neverStale() && (a.directives.staleWhile > 0 || a.directives.staleIfError > 0)
}

func (a *answer) variesBy(lower string) bool {
	for _, name := range a.vary {
		if is(name, lower) {
			return true
		}
	}
	return false
}
