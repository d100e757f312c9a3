package proxy

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// clampLifetime lets no cache keep an answer until a URL in it expires. A
// lifetime that the app did not give is not added.
func clampLifetime(h *wire.Header, expires, now time.Time) {
	limit := max(0, int64(expires.Sub(now)/time.Second)-1)
	for _, name := range lifetimeFields(h) {
		var clamped []byte
		for _, line := range h.PeekAll(name) {
			clamped = appendClamped(clamped, line, limit)
		}
		h.SetBytesV(name, clamped)
	}
	if stated := h.Peek(accelExpires); len(stated) > 0 {
		h.SetBytesV(accelExpires, clampedAccel(stated, limit, now))
	}
	if stated := h.Peek(fasthttp.HeaderExpires); len(stated) > 0 {
		if at, err := fasthttp.ParseHTTPDate(stated); err == nil && at.Sub(now) > time.Duration(limit)*time.Second {
			h.SetBytesV(fasthttp.HeaderExpires, fasthttp.AppendHTTPDate(nil, now.Add(time.Duration(limit)*time.Second)))
		}
	}
}

// accelExpires gives nginx a lifetime: in seconds, or until "@" a Unix time.
const accelExpires = "X-Accel-Expires"

// lifetimeFields returns the names of the fields with directives that give an answer a
// lifetime: Cache-Control, those that are targeted at some caches (CDN-Cache-Control and
// its like, RFC 9213), and Surrogate-Control.
func lifetimeFields(h *wire.Header) []string {
	var names []string
	for name := range h.Lines() {
		lower := bytes.ToLower(name)
		if string(lower) != "cache-control" && !bytes.HasSuffix(lower, []byte("-cache-control")) && string(lower) != "surrogate-control" {
			continue
		}
		if !slices.Contains(names, string(lower)) {
			names = append(names, string(lower))
		}
	}
	return names
}

func clampedAccel(stated []byte, limit int64, now time.Time) []byte {
	at, absolute := bytes.CutPrefix(stated, []byte("@"))
	if !absolute {
		return strconv.AppendInt(nil, min(limit, seconds(stated)), 10)
	}
	return strconv.AppendInt([]byte("@"), min(now.Unix()+limit, seconds(at)), 10)
}

// appendClamped appends the directives of a Cache-Control line. Those that let a
// stale answer be used go: the URL does not work any more by then.
func appendClamped(dst, line []byte, limit int64) []byte {
	for directive := range field.Tokens(line) {
		name, value, _ := bytes.Cut(directive, []byte("="))
		name = bytes.TrimRight(name, " \t")
		switch {
		case field.Is(name, "stale-while-revalidate"), field.Is(name, "stale-if-error"), field.Is(name, "immutable"):
			continue
		case field.Is(name, "max-age"), field.Is(name, "s-maxage"):
			if len(dst) > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(append(dst, name...), '=')
			dst = strconv.AppendInt(dst, min(limit, seconds(value)), 10)
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, directive...)
	}
	return dst
}

// seconds reads a lifetime; one that is not a number is none, RFC 9111 4.2.1.
func seconds(value []byte) int64 {
	n, err := strconv.ParseInt(string(bytes.Trim(value, " \t\"")), 10, 64)
	switch {
	case err != nil && field.IsDigits(value):
		return math.MaxInt64
	case err != nil || n < 0:
		return 0
	}
	return n
}
