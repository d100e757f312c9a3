package proxy

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// pack encodes text as a content coding says; "raw deflate" is DEFLATE without
// zlib's frame, which some servers send.
func pack(t *testing.T, coding, text string) string {
	t.Helper()
	var packed bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "":
		return text
	case "gzip":
		w = gzip.NewWriter(&packed)
	case "deflate":
		w = zlib.NewWriter(&packed)
	case "raw deflate":
		w, _ = flate.NewWriter(&packed, 5)
	case "br":
		w = brotli.NewWriter(&packed)
	case "zstd":
		w, _ = zstd.NewWriter(&packed)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

// unpack decodes an answer's body by its Content-Encoding.
func unpack(t *testing.T, answer string) string {
	t.Helper()
	body := io.Reader(strings.NewReader(wiretest.Body(answer)))
	switch coding := strings.Join(wiretest.Fields(answer, "Content-Encoding"), ","); coding {
	case "":
	case "gzip":
		r, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		body = r
	case "deflate":
		r, err := zlib.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		body = r
	case "br":
		body = brotli.NewReader(body)
	case "zstd":
		r, err := zstd.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		body = r
	default:
		t.Fatalf("the body is encoded as %q", coding)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every coding that the app may send with every one that a client may accept. What the
// app encoded stays so; what it did not is encoded where server.compress is on.
func TestPageEncodings(t *testing.T) {
	t.Parallel()
	page := thumbnailsOf(1) + strings.Repeat(" ", 2000)
	want := strings.NewReplacer(`"small":"`+route(1, "small"), `"small":"`+storageURL(1, "small"), `"medium":"`+route(1, "medium"), `"medium":"`+storageURL(1, "medium")).Replace(page)
	cold := thumbnailsOf(6)
	for _, compress := range []bool{false, true} {
		for _, sent := range []string{"", "gzip", "deflate", "raw deflate", "br", "zstd"} {
			var lines []string
			if sent != "" {
				lines = []string{"Content-Encoding: " + strings.TrimPrefix(sent, "raw ")}
			}
			rewritten, untouched := jsonAnswer(pack(t, sent, page), lines...), jsonAnswer(pack(t, sent, cold), lines...)
			p, _ := startPages(t, warmCaptures(), func(cfg *Config, _ *Deps) { cfg.Server.Compress = compress }, func(request string) string {
				if strings.Contains(request, "cold") {
					return untouched
				}
				return rewritten
			})
			for accepted, encoding := range map[string]string{
				"": "", "identity": "", "gzip": "gzip", "br": "br", "zstd": "zstd", "deflate": "", "gzip, deflate, br, zstd": "zstd",
				"gzip;q=1.0, br;q=0.5": "gzip", "*": "zstd", "*, zstd;q=0": "br", "gzip;q=0": "", "GZIP": "gzip", "x": "", "br;q=x": "",
			} {
				if sent != "" {
					encoding = strings.TrimPrefix(sent, "raw ")
				} else if !compress {
					encoding = ""
				}
				if !compress {
					if accepted != "" && accepted != "gzip, deflate, br, zstd" {
						continue
					}
				}
				header := ""
				if accepted != "" {
					header = "Accept-Encoding: " + accepted + "\r\n"
				}
				w := p.Dial()
				for range 2 { // with what is pooled, too
					answer := w.Send("GET /api/v2/captures/ HTTP/1.1\r\nHost: site.test\r\n" + header + "\r\n").Answer()
					if got := unpack(t, answer); got != want {
						t.Errorf("the app sent %q, the client takes %q: %q", sent, accepted, got)
					}
					if got := strings.Join(wiretest.Fields(answer, "Content-Encoding"), ","); got != encoding {
						t.Errorf("the client takes %q and got %q, want %q", accepted, got, encoding)
					}
					if varies := strings.Join(wiretest.Fields(answer, "Vary"), ","); (varies == "Accept-Encoding") != compress {
						t.Errorf("Vary is %q", varies)
					}
				}
				answer := w.Send("GET /api/v2/captures/?cold HTTP/1.1\r\nHost: site.test\r\n" + header + "\r\n").Answer()
				if wiretest.Body(answer) != wiretest.Body(untouched) || strings.Join(wiretest.Fields(answer, "Content-Encoding"), ",") != strings.Join(wiretest.Fields(untouched, "Content-Encoding"), ",") {
					t.Errorf("the app sent %q with nothing warm in it: it became %q", sent, answer)
				}
			}
		}
	}
}

// A body that is small as it comes and huge when decoded goes out as it came, and
// what it would become is not held in memory meanwhile.
func TestPageBombs(t *testing.T) {
	t.Parallel()
	bomb := `{"thumbnails":{"small":"` + route(1, "small") + `"},"a":"` + strings.Repeat("a", 8<<20) + `"}`
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			t.Parallel()
			sent := jsonAnswer(pack(t, coding, bomb), "Content-Encoding: "+coding)
			metrics := NewMetrics(prometheus.NewRegistry())
			p, _ := startPages(t, warmCaptures(), func(cfg *Config, deps *Deps) {
				cfg.Rewrite.MaxBody = 1 << 20
				deps.Metrics = metrics
			}, func(string) string { return sent })
			answer := p.Exchange(wiretest.Get(pageTarget))
			if wiretest.Body(answer) != wiretest.Body(sent) || len(wiretest.Fields(answer, "Content-Encoding")) != 1 {
				t.Error("the body is not what the app sent")
			}
			if got := count(metrics.passed[reasonTooLarge]); got != 1 {
				t.Errorf("%d pages are too large, want 1", got)
			}
		})
	}
}

// Memory that is in use by others is not waited for.
func TestPageMemory(t *testing.T) {
	t.Parallel()
	page := thumbnailsOf(1)
	metrics := NewMetrics(prometheus.NewRegistry())
	p, _ := startPages(t, warmCaptures(), func(cfg *Config, deps *Deps) {
		cfg.Rewrite.MaxBody, cfg.Rewrite.Memory = 1<<20, 1<<20
		deps.Metrics = metrics
	}, func(request string) string {
		switch {
		case strings.Contains(request, "chunked"):
			return chunkedAnswer(page, 100)
		case strings.Contains(request, "encoded"):
			return jsonAnswer(pack(t, "gzip", page), "Content-Encoding: gzip")
		}
		return jsonAnswer(page)
	})
	memory := p.server.lasting.memory
	passed := 0
	for left := int64(0); left < 60<<10; left += 3000 {
		w := p.Dial()
		if !memory.reserve(memory.limit.Load() - left) {
			t.Fatal("the memory is not free")
		}
		for _, kind := range []string{"sized", "chunked", "encoded"} {
			answer := w.Send(wiretest.Get("/api/v2/captures/" + kind)).Answer()
			body := wiretest.Body(answer)
			if kind == "chunked" && len(wiretest.Fields(answer, "Transfer-Encoding")) > 0 {
				body = wiretest.Unchunk(t, body)
			}
			body = unpack(t, strings.Replace(answer, wiretest.Body(answer), body, 1))
			if strings.Contains(body, storageURL(1, "small")) {
				continue
			}
			passed++
			if body != page {
				t.Fatalf("%s, with %d bytes free: %q", kind, left, body)
			}
		}
		eventually.Holds(t, "the memory is given back", func() bool { return memory.used.Load() == memory.limit.Load()-left })
		memory.reserve(left - memory.limit.Load())
	}
	if got := count(metrics.passed[reasonMemory]); got != passed || passed < 3 || count(metrics.pages.rewritten) < 3 {
		t.Errorf("%d pages passed for want of memory (the client saw %d), %d were rewritten", got, passed, count(metrics.pages.rewritten))
	}
}

// The app is asked for what the client accepts, as it came, but for codings in which a
// page could not be looked at.
func TestAcceptEncodingReachesTheApp(t *testing.T) {
	t.Parallel()
	p, a := startPages(t, warmCaptures(), nil, func(string) string { return jsonAnswer(thumbnailsOf(1)) })
	for sent, want := range map[string]string{
		"Accept-Encoding: gzip, deflate, br, zstd":  "gzip, deflate, br, zstd",
		"Accept-Encoding: GZIP;q=0.5,*;q=0":         "GZIP;q=0.5,*;q=0",
		"Accept-Encoding: gzip, dcb;q=1.0, br":      "gzip, br",
		"Accept-Encoding: compress":                 "identity",
		"Accept-Encoding: x\r\nAccept-Encoding: br": "br",
		"X: no Accept-Encoding":                     "",
	} {
		p.Exchange("GET " + pageTarget + " HTTP/1.1\r\nHost: site.test\r\n" + sent + "\r\n\r\n")
		requests := a.Seen()
		if got := joinedField(requests[len(requests)-1], "Accept-Encoding"); got != want {
			t.Errorf("%q became %q, want %q", sent, got, want)
		}
	}
}

// A page with signed URLs tells nothing by its size to whoever can make a browser with
// cookies ask for it (BREACH).
func TestSignedPageStaysPlainForCookies(t *testing.T) {
	t.Parallel()
	captures := warmCaptures()
	captures.writeURLs(thumb.StorageURLs{Signer: signer("0"), Expires: time.Now().Add(time.Hour)})
	page := pack(t, "gzip", thumbnailsOf(1)+strings.Repeat(" ", 2000))
	p, _ := startPages(t, captures, nil, func(string) string { return jsonAnswer(page, "Content-Encoding: gzip") })
	for header, want := range map[string]string{"Cookie: a=b": "", "Authorization: Token a": "gzip"} {
		answer := p.Exchange("GET " + pageTarget + " HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: gzip\r\n" + header + "\r\n\r\n")
		if got := joinedField(answer, "Content-Encoding"); got != want || !strings.Contains(unpack(t, answer), "X-Amz-Signature") {
			t.Errorf("with %s it comes as %q, want %q: %q", header, got, want, answer)
		}
	}
}
