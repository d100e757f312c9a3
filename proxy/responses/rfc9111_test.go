package responses

import (
	"strings"
	"testing"
	"time"
)

// noon is when the answers of these tests come.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// header writes lines as they come, separated by "|".
func header(lines string) []byte {
	if lines == "" {
		return []byte("\r\n")
	}
	return []byte(strings.ReplaceAll(lines, "|", "\r\n") + "\r\n\r\n")
}

func answerOf(status int, lines string) *answer {
	a := new(answer)
	a.read(status, header(lines))
	return a
}

func requestOf(lines string) *request {
	q := new(request)
	q.read(header(lines), false)
	return q
}

// Which answers are kept: each sentence that concerns a shared cache, with its section.
func TestWhatMayBeStored(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		section, request string
		status           int
		answer           string
		want             Reason
	}{
		{"9111 3: the response status code is final", "", 103, "Cache-Control: max-age=60", reasonStatus},
		{"9111 3.3: a part only by a cache that combines parts", "", 206, "Cache-Control: max-age=60|Content-Range: bytes 0-1/9", reasonStatus},
		{"9111 3: 304 is no answer of its own", "", 304, "Cache-Control: max-age=60", reasonStatus},
		{"9111 3: max-age allows", "", 200, "Cache-Control: max-age=60", ""},
		{"9111 3: s-maxage allows", "", 200, "Cache-Control: s-maxage=60", ""},
		{"9111 3: Expires allows", "", 200, "Expires: Fri, 27 Nov 2026 13:00:00 GMT", ""},
		{"9111 4.2.2: no heuristics", "", 200, "Last-Modified: Fri, 27 Nov 2020 13:00:00 GMT", reasonNoLifetime},
		{"9111 4.2.2: none for public either", "", 200, "Cache-Control: public|Last-Modified: Fri, 27 Nov 2020 13:00:00 GMT", reasonNoLifetime},
		{"9111 3: any final status with an explicit lifetime", "", 599, "Cache-Control: max-age=60", ""},
		{"9111 5.2.2.3: must-understand, and the status is not known", "", 599, "Cache-Control: max-age=60, must-understand", reasonUnderstood},
		{"9111 5.2.2.3: must-understand, and it is", "", 200, "Cache-Control: max-age=60, must-understand", ""},
		{"9111 5.2.2.3: no-store may be ignored then, and is not here", "", 200, "Cache-Control: max-age=60, must-understand, no-store", reasonNoStore},
		{"as many selectors as are compared", "", 200, "Cache-Control: max-age=60|Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", ""},
		{"and one more", "", 200, "Cache-Control: max-age=60|Vary: a,b,c,d,e,f,g,h|Vary: i,j,k,l,m,n,o,p,q", reasonVary},
		{"9111 5.2.2.5: no-store", "", 200, "Cache-Control: max-age=60, no-store", reasonNoStore},
		{"9111 5.2.2.5: no-store with an argument", "", 200, `Cache-Control: max-age=60, no-store="x"`, reasonNoStore},
		{"9111 5.2: directives in any case", "", 200, "cache-control: Max-Age=60, NO-STORE", reasonNoStore},
		{"9111 5.2: on any of the lines", "", 200, "Cache-Control: max-age=60|Cache-Control: no-store", reasonNoStore},
		{"9110 5.6.4: what is quoted is no directive", "", 200, `Cache-Control: ext="no-store, private", max-age=60`, ""},
		{"a quotation without an end hides anything", "", 200, `Cache-Control: max-age=60, ext="no-store`, reasonNoStore},
		{"9111 5.2.1.5: the request's no-store", "Cache-Control: no-store", 200, "Cache-Control: max-age=60", reasonNoStore},
		{"9111 5.2.2.7: private", "", 200, "Cache-Control: private, max-age=60", reasonPrivate},
		{"9111 5.2.2.7: private with fields, taken as private", "", 200, `Cache-Control: private="x", max-age=60`, reasonPrivate},
		{"9111 5.2.2.7: private counts more than public", "", 200, "Cache-Control: public, private, max-age=60", reasonPrivate},
		{"9111 3.5: Authorization", "Authorization: x", 200, "Cache-Control: max-age=60", reasonAuthorization},
		{"9111 3.5: with public", "Authorization: x", 200, "Cache-Control: max-age=60, public", ""},
		{"9111 3.5: with s-maxage", "Authorization: x", 200, "Cache-Control: s-maxage=60", ""},
		{"9111 3.5: with must-revalidate", "Authorization: x", 200, "Cache-Control: max-age=60, must-revalidate", ""},
		{"9111 3.5: in any case", "aUTHORIZATION: x", 200, "Cache-Control: max-age=60", reasonAuthorization},
		{"a cookie", "Cookie: a=b", 200, "Cache-Control: max-age=60", reasonCookie},
		{"a cookie, must-revalidate says nothing of it", "Cookie: a=b", 200, "Cache-Control: max-age=60, must-revalidate", reasonCookie},
		{"a cookie with public", "Cookie: a=b", 200, "Cache-Control: max-age=60, public", ""},
		{"public with an argument is not public", "Cookie: a=b", 200, `Cache-Control: max-age=60, public="x"`, reasonCookie},
		{"9111 7.3: Set-Cookie, public or not", "", 200, "Cache-Control: max-age=60, public|set-COOKIE: a=b", reasonSetCookie},
		{"9111 4.1: Vary *", "", 200, "Cache-Control: max-age=60|Vary: Accept, *", reasonVary},
		{"9111 4.1: Vary on what the proxy writes", "", 200, "Cache-Control: max-age=60|Vary: X-Forwarded-For", reasonVary},
		{"9111 4.1: Vary on what is in the key", "", 200, "Cache-Control: max-age=60|Vary: Host, X-Forwarded-Proto", ""},
		{"9111 4.1: Vary with what is no name", "", 200, "Cache-Control: max-age=60|Vary: a b", reasonVary},
		{"a coding that is not in the selector", "", 200, "Cache-Control: max-age=60|Vary: Accept-Encoding|Content-Encoding: dcb", reasonEncoding},
		{"a stream of events", "", 200, "Cache-Control: max-age=60|Content-Type: text/event-stream; charset=utf-8", reasonStream},
		{"9111 5.2.2.4: no-cache without a validator has no use", "", 200, "Cache-Control: no-cache, max-age=60", reasonNoUse},
		{"9111 5.2.2.4: with one it is validated", "", 200, `Cache-Control: no-cache|ETag: "a"`, ""},
		{"9111 5.2.2.4: no-cache with fields is kept without them", "", 200, `Cache-Control: no-cache="a", max-age=60`, ""},
		{"9111 4.2.1: stale as it came", "", 200, "Cache-Control: max-age=60|Age: 60", reasonNoUse},
		{"9111 5.1: an Age that cannot be read", "", 200, "Cache-Control: max-age=60|Age: -1", reasonNoUse},
		{"9111 5.1: an Age given twice", "", 200, "Cache-Control: max-age=60|Age: 0|Age: 0", reasonNoUse},
		{"9111 1.2.2: an Age that overflows", "", 200, "Cache-Control: max-age=99999999999|Age: 99999999999999999999", reasonNoUse},
		{"5861 4: stale, but for errors", "", 200, "Cache-Control: max-age=0, stale-if-error=9", ""},
		{"9111 5.3: Expires: 0 has passed", "", 200, "Expires: 0", reasonNoUse},
		{"9111 5.3: Expires twice has passed", "", 200, "Expires: Fri, 27 Nov 2026 13:00:00 GMT|Expires: Fri, 27 Nov 2026 13:00:00 GMT", reasonNoUse},
		{"9213 2.2: the targeted field counts alone", "", 200, "Cache-Control: no-store|CDN-Cache-Control: max-age=60", ""},
		{"9213 2.2: also against it", "", 200, "Cache-Control: max-age=60|CDN-Cache-Control: no-store", reasonNoStore},
		{"9213 2.2: not where it is empty", "", 200, "Cache-Control: no-store|CDN-Cache-Control: ", reasonNoStore},
		{"9213 2.2: nor where it is no structured field", "", 200, "Cache-Control: no-store|CDN-Cache-Control: max-age=60,,", reasonNoStore},
		{"9213 2.1: a time of another type is none", "", 200, `CDN-Cache-Control: max-age="x"`, reasonNoUse},
		{"an underscore is no dash", "", 200, "Cache_Control: max-age=60", reasonNoLifetime},
	} {
		if got := unstorable(requestOf(c.request), answerOf(c.status, c.answer), noon, noon); got != c.want {
			t.Errorf("%s: %q, want %q (%d, %s)", c.section, got, c.want, c.status, c.answer)
		}
	}
}

// For how long an answer is fresh (RFC 9111 section 4.2.1), and how old it comes (4.2.3).
func TestLifetimeAndAge(t *testing.T) {
	t.Parallel()
	const hour, date = time.Hour, "Date: Fri, 27 Nov 2026 12:00:00 GMT|"
	for lines, want := range map[string]struct{ life, age time.Duration }{
		"Cache-Control: max-age=60":                                                  {time.Minute, 0},
		"Cache-Control: max-age=60, s-maxage=7":                                      {7 * time.Second, 0},
		"Cache-Control: s-maxage=60|Cache-Control: max-age=7":                        {time.Minute, 0},
		`Cache-Control: max-age="60"`:                                                {time.Minute, 0},
		"Cache-Control: max-age=0060":                                                {time.Minute, 0},
		"Cache-Control: max-age=60, max-age=30":                                      {30 * time.Second, 0},
		"Cache-Control: max-age=60.5":                                                {0, 0},
		"Cache-Control: max-age = 60":                                                {0, 0},
		"Cache-Control: max-age='60'":                                                {0, 0},
		"Cache-Control: max-age=-60":                                                 {0, 0},
		"Cache-Control: max-age=60;x":                                                {0, 0},
		"Cache-Control: max-age":                                                     {0, 0},
		"Cache-Control: max-age=99999999999":                                         {1 << 31 * time.Second, 0},
		"Cache-Control: max-age=60|Expires: Fri, 27 Nov 2026 14:00:00 GMT":           {time.Minute, 0},
		date + "Expires: Fri, 27 Nov 2026 14:00:00 GMT":                              {2 * hour, 0},
		"Date: Fri, 27 Nov 2026 13:00:00 GMT|Expires: Fri, 27 Nov 2026 14:00:00 GMT": {hour, 0},
		"Date: Fri, 27 Nov 2026 11:00:00 GMT|Expires: Fri, 27 Nov 2026 14:00:00 GMT": {3 * hour, hour},
		"Date: yesterday|Expires: Fri, 27 Nov 2026 14:00:00 GMT":                     {2 * hour, 0},
		"Expires: Friday, 27-Nov-26 14:00:00 GMT":                                    {2 * hour, 0},
		"Expires: Fri Nov 27 14:00:00 2026":                                          {2 * hour, 0},
		"Expires: Friday, 27-Nov-99 14:00:00 GMT":                                    {0, 0},
		"Expires: Thu, 18 Aug 2050 02:01:18 AEST":                                    {0, 0},
		"Cache-Control: max-age=60|Age: 30":                                          {time.Minute, 30 * time.Second},
		"Cache-Control: max-age=60|Age: 30, 5":                                       {time.Minute, 1 << 31 * time.Second},
		"Cache-Control: max-age=60|Date: Fri, 27 Nov 2026 11:59:30 GMT":              {time.Minute, 30 * time.Second},
		"Cache-Control: max-age=60|Date: Fri, 27 Nov 2026 12:59:30 GMT":              {time.Minute, 0},
		"Cache-Control: max-age=60|Date: Fri, 27 Nov 1026 12:59:30 GMT":              {time.Minute, 1 << 31 * time.Second},
		"CDN-Cache-Control: max-age=60|Cache-Control: max-age=5|Expires: 0":          {time.Minute, 0},
	} {
		a := answerOf(200, lines)
		a.readDates(noon)
		if life, age := a.lifetime(noon), a.initialAge(noon, noon); life != want.life || age != want.age {
			t.Errorf("%s: lifetime %v and age %v, want %v and %v", lines, life, age, want.life, want.age)
		}
	}
	a := answerOf(200, "Age: 30")
	if age := a.initialAge(noon.Add(-5*time.Second), noon); age != 35*time.Second {
		t.Errorf("the time that the answer took is not in its age: %v", age)
	}
}

// entryOf is an entry of an answer that comes at noon.
func entryOf(a *answer) *Entry {
	a.readDates(noon)
	e := &Entry{received: noon, life: a.lifetime(noon), noCache: a.directives.noCache, tag: a.tag, modified: a.modified,
		staleWhile: -1, staleIfError: -1, initialAge: a.initialAge(noon, noon)}
	if !a.neverStale() {
		e.staleWhile, e.staleIfError = max(a.directives.staleWhile, 0).duration(), max(a.directives.staleIfError, 0).duration()
	}
	return e
}

// How a request may have what is kept, so many seconds after it came (RFC 9111 section 4).
func TestHowAnEntryMayBeUsed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		section, answer, request string
		after                    time.Duration
		want                     use
	}{
		{"4.2: fresh", "max-age=60", "", 59, useFresh},
		{"4.2: its lifetime is over", "max-age=60", "", 60, useValidated},
		{"5.2.2.4: no-cache", "max-age=60, no-cache", "", 0, useValidated},
		{"5.2.1.4: the request's no-cache", "max-age=60", "Cache-Control: no-cache", 0, useValidated},
		{"5.4: Pragma", "max-age=60", "Pragma: no-cache", 0, useValidated},
		{"5.4: not beside Cache-Control", "max-age=60", "Pragma: no-cache|Cache-Control: max-age=9", 1, useFresh},
		{"5.2.1.1: younger than max-age", "max-age=60", "Cache-Control: max-age=9", 9, useFresh},
		{"5.2.1.1: older", "max-age=60", "Cache-Control: max-age=9", 10, useValidated},
		{"5.2.1.1: max-age that cannot be read", "max-age=60", "Cache-Control: max-age=x", 1, useValidated},
		{"5.2.1.3: fresh for long enough", "max-age=60", "Cache-Control: min-fresh=30", 30, useFresh},
		{"5.2.1.3: not long enough", "max-age=60", "Cache-Control: min-fresh=30", 31, useValidated},
		{"5.2.1.2: stale is well", "max-age=60", "Cache-Control: max-stale=9", 69, useStale},
		{"5.2.1.2: not so stale", "max-age=60", "Cache-Control: max-stale=9", 70, useValidated},
		{"5.2.1.2: however stale", "max-age=60", "Cache-Control: max-stale", 1e6, useStale},
		{"5.2.2.2: must-revalidate counts more", "max-age=60, must-revalidate", "Cache-Control: max-stale", 70, useValidated},
		{"5.2.2.8: so does proxy-revalidate", "max-age=60, proxy-revalidate", "Cache-Control: max-stale", 70, useValidated},
		{"5.2.2.10: so does s-maxage", "s-maxage=60", "Cache-Control: max-stale", 70, useValidated},
		{"5861 3: while it is updated", "max-age=60, stale-while-revalidate=9", "", 69, useWhileUpdate},
		{"5861 3: no longer", "max-age=60, stale-while-revalidate=9", "", 70, useValidated},
		{"5861 3: not with must-revalidate", "max-age=60, stale-while-revalidate=9, must-revalidate", "", 61, useValidated},
		{"4.2.4: not with s-maxage", "s-maxage=60, stale-while-revalidate=9", "", 61, useValidated},
	} {
		e := entryOf(answerOf(200, "Cache-Control: "+c.answer))
		if got := e.use(requestOf(c.request), noon.Add(c.after*time.Second)); got != c.want {
			t.Errorf("%s: %d, want %d", c.section, got, c.want)
		}
	}
	e := entryOf(answerOf(200, "Cache-Control: max-age=60, stale-if-error=9"))
	for after, want := range map[time.Duration]bool{69: true, 70: false} {
		if got := e.standsIn(requestOf(""), noon.Add(after*time.Second)); got != want {
			t.Errorf("5861 4: stands in after %d s: %v", after, got)
		}
	}
}

// Which requests Vary tells apart (RFC 9111 section 4.1).
func TestVary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		vary, one, other string
		same             bool
	}{
		{"Foo", "Foo: 1", "Foo: 1", true},
		{"Foo", "Foo: 1", "foo: 1", true},
		{"Foo", "Foo: 1", "Foo: 2", false},
		{"Foo", "Foo: 1", "", false},
		{"Foo", "", "Bar: 2", true},
		{"Foo", "Foo: ", "", false},
		{"Foo", "Foo: 1, 2", "Foo: 1|Foo: 2", true},
		{"Foo, Bar", "Foo: 1|Bar: 2", "Bar: 2|Foo: 1", true},
		{"Foo, Bar", "Foo: 1|Bar: 2", "Foo: 2|Bar: 1", false},
		{"Foo", "Foo: 1", "Foo_: 1", false},
		{"X-Foo", "X-Foo: 1", "X_Foo: 1", true}, // so WSGI reads it
		{"Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: br;q=0.5,gzip", true},
		{"Accept-Encoding", "Accept-Encoding: gzip, sdch", "Accept-Encoding: gzip", true},
		{"Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip;q=0", false},
		{"Accept-Encoding", "Accept-Encoding: ", "", false},
		{"Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip, *;q=0", false},
		{"Accept-Language", "Accept-Language: de-DE, en;q=0.5", "Accept-Language: de-de,en; q=0.5", true},
		{"Accept-Language", "Accept-Language: de, en", "Accept-Language: en, de", false},
		{"Cookie", "Cookie: a=b", "", false},
	} {
		s := selectorsOf(answerOf(200, "Vary: "+c.vary), header(c.one), false)
		if got := s.match(header(c.other), nil, false); got != c.same {
			t.Errorf("Vary: %s: %q and %q are the same: %v", c.vary, c.one, c.other, got)
		}
	}
}
