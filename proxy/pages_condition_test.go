package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// conditional asks for a page with these header lines, over a connection on which
// more is asked afterwards.
func conditional(p *testProxy, method string, lines ...string) string {
	p.T.Helper()
	w := p.Dial()
	defer w.Close()
	request := method + " " + pageTarget + " HTTP/1.1\r\nHost: site.test\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	w.Send(request)
	answer, err := wiretest.ReadHead(w.Br)
	if err != nil {
		p.T.Fatalf("%v after %q", err, answer)
	}
	if method == "GET" && !strings.HasPrefix(answer, "HTTP/1.1 304") {
		return answer
	}
	w.Send(request)
	if next, err := wiretest.ReadHead(w.Br); err != nil || next != answer {
		p.T.Errorf("after %q came %q, %v", answer, next, err)
	}
	return answer
}

func status(answer string) string {
	line, _, _ := strings.Cut(answer, "\r\n")
	return strings.TrimPrefix(line, "HTTP/1.1 ")
}

const modified = "Mon, 23 Nov 2026 02:41:32 GMT"

// The app's validators never reach the app again, nor describe a rewritten body.
func TestRewrittenPageHasValidatorsOfItsOwn(t *testing.T) {
	t.Parallel()
	captures := warmCaptures()
	p, a := startPages(t, captures, nil, func(string) string {
		return jsonAnswer(thumbnailsOf(1, 2), `ETag: "app"`, "Last-Modified: "+modified, "Accept-Ranges: bytes", "Content-MD5: a", "Digest: b",
			"Content-Digest: c", "Repr-Digest: d", "Cache-Control: max-age=60", "X-App: kept")
	})
	first := conditional(p, "GET")
	tag := joinedField(first, "ETag")
	if !strings.HasPrefix(tag, `W/"`) || joinedField(first, "X-App") != "kept" || joinedField(first, "Cache-Control") != "max-age=60" {
		t.Errorf("the head is %q", first)
	}
	for _, name := range []string{"Last-Modified", "Accept-Ranges", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"} {
		if value := joinedField(first, name); value != "" {
			t.Errorf("%s: %s describes another body", name, value)
		}
	}
	for condition, want := range map[string]string{
		"If-None-Match: " + tag:                                                          "304 Not Modified",
		"If-None-Match: " + strings.TrimPrefix(tag, "W/"):                                "304 Not Modified",
		`If-None-Match: "x", W/"y" ,` + tag + `, "z"`:                                    "304 Not Modified",
		"If-None-Match: \"x\"\r\nIf-None-Match: " + tag:                                  "304 Not Modified",
		"If-None-Match: *":                                                               "304 Not Modified",
		`If-None-Match: "app"`:                                                           "200 OK",
		`If-None-Match: "x` + strings.Trim(tag, `W/"`) + `"`:                             "200 OK",
		"If-None-Match: " + strings.Trim(tag, `W/"`):                                     "200 OK",
		"If-Modified-Since: " + modified:                                                 "200 OK",
		"If-None-Match: " + tag + "\r\nIf-Modified-Since: Mon, 23 Nov 2020 02:41:32 GMT": "304 Not Modified",
		"If-None-Match: \"x\"\r\nIf-Modified-Since: " + modified:                         "200 OK",
		`If-Range: "app"`:                                                                "200 OK",
	} {
		answer := conditional(p, "GET", condition)
		if status(answer) != want || joinedField(answer, "ETag") != tag || joinedField(answer, "Cache-Control") != "max-age=60" {
			t.Errorf("%s: %q, want %s", condition, answer, want)
		}
		if want != "200 OK" && joinedField(answer, "Content-Length")+joinedField(answer, "Content-Type") != "" {
			t.Errorf("%s: %q describes a body", condition, answer)
		}
	}
	for _, request := range a.Seen() {
		for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Range"} {
			if value := joinedField(request, name); value != "" {
				t.Errorf("the app was sent %s: %s", name, value)
			}
		}
	}
	// Its only change is a thumbnail turning warm.
	captures.set(2, thumb.Warm, thumb.Warm)
	if answer := conditional(p, "GET", "If-None-Match: "+tag); status(answer) != "200 OK" || joinedField(answer, "ETag") == tag {
		t.Errorf("a page that changed is answered with %q", answer)
	}
}

// Replicas agree, so the tag of a body is the same for ever.
func TestTagIsStable(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	for appTag, want := range map[string]string{"": `W/"te-ca0b885a32fc8b48"`, `"app"`: `W/"te-8f4753e889cb1530-s-app"`, `W/"app"`: `W/"te-3d86f365dc5b15e-w-app"`} {
		if tag := string(appendTag(nil, []byte(appTag), 7, func() uint64 { return xxhash.Sum64(body) })); tag != want {
			t.Errorf("where the app's tag is %q, the tag is %s, not %s", appTag, tag, want)
		}
	}
}

// A client that changes what it saw sends its tag back: the app gets its own, whatever
// the method, and so its comparison is about its own body. What is none of our tags, and
// conditions that only hold for the bytes a client has, stay as they are.
func TestAppGetsItsOwnTagBack(t *testing.T) {
	t.Parallel()
	for _, appTag := range []string{`"app"`, `W/"app"`, `"a-s-b!#"`} {
		p, a := startPages(t, warmCaptures(), nil, func(string) string { return jsonAnswer(thumbnailsOf(1), "ETag: "+appTag) })
		tag := joinedField(conditional(p, "GET"), "ETag")
		if tag == appTag || !strings.HasPrefix(tag, "W/") {
			t.Fatalf("the page's tag is %s", tag)
		}
		for _, c := range []struct{ method, target, sent, name, want string }{
			{"PATCH", pageTarget, tag, "If-Match", appTag},
			{"PUT", "/elsewhere/", strings.TrimPrefix(tag, "W/"), "If-Match", appTag},
			{"DELETE", pageTarget, `"x", ` + tag + `, W/"y"`, "If-Match", `"x", ` + appTag + `, W/"y"`},
			{"POST", pageTarget, tag, "If-None-Match", appTag},
			{"GET", pageTarget, tag, "If-Match", appTag},
			{"GET", "/elsewhere/", tag, "If-Match", appTag},
			{"GET", "/elsewhere/", tag, "If-None-Match", tag},
			{"PATCH", pageTarget, `W/"te-x-s-a"`, "If-Match", `W/"te-x-s-a"`},
			{"PATCH", pageTarget, "*", "If-Match", "*"},
			{"PATCH", pageTarget, tag, "If-Range", tag},
		} {
			p.Exchange(c.method + " " + c.target + " HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n" + c.name + ": " + c.sent + "\r\n\r\n")
			requests := a.Seen()
			if got := joinedField(requests[len(requests)-1], c.name); got != c.want {
				t.Errorf("%s %s: %s: the app was sent %s, want %s", c.method, c.name, c.sent, got, c.want)
			}
		}
	}
}

// Two labels of a capture may share a file: which of them turned warm shows.
func TestTagTellsWhichLabelIsWarm(t *testing.T) {
	t.Parallel()
	tags := map[string]bool{}
	for _, verdicts := range [][]thumb.Verdict{{thumb.Warm, thumb.Cold}, {thumb.Cold, thumb.Warm}} {
		captures := warmCaptures()
		captures.set(1, verdicts...)
		one := captures.answers[1]
		one.Paths = &[thumb.MaxSpecs]string{"one.jpg", "one.jpg"}
		captures.answers[1] = one
		p, _ := startPages(t, captures, nil, func(string) string { return jsonAnswer(thumbnailsOf(1), `ETag: "app"`) })
		tags[joinedField(conditional(p, "GET"), "ETag")] = true
	}
	if len(tags) != 2 {
		t.Errorf("the tags are %v", tags)
	}
}

// A page whose URLs are written in another way is another page, though the captures are the
// same: a 304 would leave the client with URLs that have stopped to work.
func TestTagTellsHowURLsAreWritten(t *testing.T) {
	t.Parallel()
	captures := warmCaptures()
	p, _ := startPages(t, captures, nil, func(string) string { return jsonAnswer(thumbnailsOf(1), `ETag: "app"`) })
	tags := map[string]string{}
	for name, urls := range map[string]thumb.StorageURLs{
		"public": {}, "elsewhere": {Base: "https://other.test/"}, "signed": {Signer: signer("key 1, noon"), Expires: time.Now().Add(time.Hour)},
		"of the next quantum": {Signer: signer("key 1, one"), Expires: time.Now().Add(time.Hour)}, "by another key": {Signer: signer("key 2, noon"), Expires: time.Now().Add(time.Hour)},
	} {
		captures.writeURLs(urls)
		tag := joinedField(conditional(p, "GET"), "ETag")
		if other, seen := tags[tag]; seen || tag == "" {
			t.Errorf("%s: the tag is %s, as %s", name, tag, other)
		}
		tags[tag] = name
		if answer := conditional(p, "GET", "If-None-Match: "+tag); status(answer) != "304 Not Modified" {
			t.Errorf("%s: the same page again is answered with %q", name, answer)
		}
	}
	captures.writeURLs(thumb.StorageURLs{})
	for _, digits := range []uint64{1, 2} {
		one := captures.answers[1]
		one.Digits[0] = digits
		captures.mu.Lock()
		captures.answers[1] = one
		captures.mu.Unlock()
		tag := joinedField(conditional(p, "GET"), "ETag")
		if other, seen := tags[tag]; seen {
			t.Errorf("a new file of the same label has the tag of %s", other)
		}
		tags[tag] = "another file"
	}
}

// A page in which nothing was rewritten keeps its validators, and they are
// answered for here.
func TestUntouchedPageKeepsItsValidators(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"cold": thumbnailsOf(6), "not JSON": "<html>", "too large": `"` + strings.Repeat("x", 3000) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, a := startPages(t, warmCaptures(), func(cfg *Config, _ *Deps) { cfg.Rewrite.MaxBody = 2000 }, func(string) string {
				return jsonAnswer(body, `ETag: "app"`, "Last-Modified: "+modified, "Set-Cookie: a=b")
			})
			for condition, want := range map[string]string{
				"":                               "200 OK",
				`If-None-Match: W/"app"`:         "304 Not Modified",
				`If-None-Match: "other"`:         "200 OK",
				"If-Modified-Since: " + modified: "304 Not Modified",
				"If-Modified-Since: Mon, 23 Nov 2026 02:41:33 GMT": "304 Not Modified",
				"If-Modified-Since: Mon, 23 Nov 2026 02:41:31 GMT": "200 OK",
				"If-Modified-Since: yesterday":                     "200 OK",
			} {
				lines := []string{}
				if condition != "" {
					lines = append(lines, condition)
				}
				answer := conditional(p, "GET", lines...)
				if status(answer) != want || joinedField(answer, "ETag") != `"app"` || joinedField(answer, "Set-Cookie") != "a=b" {
					t.Errorf("%s: %q, want %s", condition, answer, want)
				}
				if want == "200 OK" && joinedField(answer, "Last-Modified") != modified {
					t.Errorf("%s: Last-Modified is gone: %q", condition, answer)
				}
			}
			for _, request := range a.Seen() {
				if joinedField(request, "If-None-Match")+joinedField(request, "If-Modified-Since") != "" {
					t.Errorf("the app was sent %q", request)
				}
			}
		})
	}
}

// An app without validators gets none.
func TestPageWithoutValidators(t *testing.T) {
	t.Parallel()
	p, _ := startPages(t, warmCaptures(), nil, func(string) string { return jsonAnswer(thumbnailsOf(1)) })
	if answer := conditional(p, "GET", "If-None-Match: *"); status(answer) != "200 OK" || joinedField(answer, "ETag") != "" {
		t.Errorf("%q", answer)
	}
}

// HEAD says nothing that GET of the same page might not hold to.
func TestPageHead(t *testing.T) {
	t.Parallel()
	mediaType := "application/json"
	p, a := startPages(t, warmCaptures(), nil, func(request string) string {
		answer := jsonAnswer(thumbnailsOf(1), `ETag: "app"`, "Last-Modified: "+modified, "X-App: kept")
		head, _, _ := strings.Cut(answer, "\r\n\r\n")
		if strings.Contains(request, "html") {
			head = strings.Replace(head, mediaType, "text/html", 1)
		}
		return head + "\r\n\r\n"
	})
	answer := conditional(p, "HEAD", `If-None-Match: "app"`)
	if status(answer) != "200 OK" || joinedField(answer, "X-App") != "kept" || joinedField(answer, "Content-Type") != mediaType {
		t.Errorf("%q", answer)
	}
	for _, name := range []string{"Content-Length", "ETag", "Last-Modified", "Transfer-Encoding"} {
		if value := joinedField(answer, name); value != "" {
			t.Errorf("%s: %s may be a lie", name, value)
		}
	}
	if got := joinedField(a.Seen()[0], "Accept-Encoding"); got != "" {
		t.Errorf("the app was asked for %q", got)
	}
	answer = conditional(p, "HEAD", "X: html")
	if joinedField(answer, "Content-Length") == "" || joinedField(answer, "ETag") != `"app"` {
		t.Errorf("what is no page lost a header: %q", answer)
	}
}
