package page

import (
	"fmt"
	"strings"
	"testing"
)

// Whatever a large body is made of, it is said after each stretch that so much was read;
// of a small one nothing is said.
func TestOthersAreLetInBetween(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	fill := func(head, part, tail string) string {
		return head + strings.TrimSuffix(strings.Repeat(part, size/len(part)), ",") + tail
	}
	var captures, distinct strings.Builder
	for id := 1; captures.Len() < size; id++ {
		fmt.Fprintf(&captures, `{"id":%d,"thumbnails":{"small":"/api/v2/captures/thumbnails/%[1]d/?label=small"}},`, id)
	}
	for id := 1; distinct.Len() < size; id++ {
		fmt.Fprintf(&distinct, `{"id":%d,"thumbnails":null},`, id)
	}
	for name, body := range map[string]string{
		"captures":            `{"results":[` + strings.TrimSuffix(captures.String(), ",") + `]}`,
		"nulls":               `{"results":[` + strings.TrimSuffix(distinct.String(), ",") + `]}`,
		"nothing":             fill(`[`, `{"a":[1,2,3]},`, `]`),
		"white space":         fill(`[`, " ", `]`),
		"one object":          fill(`{"thumbnails":{`, `"a":"b",`, `}}`),
		"an object of arrays": fill(`{"thumbnails":{"a":[`, `[1,{"b":2}],`, `]}}`),
		"escapes":             fill(`{"thumbnails":{`, `"\u0061":"\/\u002f",`, `}}`),
		"not JSON at its end": fill(`[`, `{"thumbnails":{}},`, `'']`),
	} {
		var said, calls int
		f := Found{Between: func(n int) { calls, said = calls+1, said+n }}
		newScanner(t).ScanAt(&f, []byte(body), Hosts{}, Captures)
		if said < size-stretch || calls < size/stretch-1 {
			t.Errorf("%s: %d times, %d bytes", name, calls, said)
		}
	}
	f := Found{Between: func(int) { t.Error("a small body lets others in") }}
	newScanner(t).ScanAt(&f, []byte(captures.String()[:stretch]), Hosts{}, Captures)
}
