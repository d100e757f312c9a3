package wire

import "testing"

// A span has a request's path, and nothing that the app, or a proxy, could take for a query.
func TestTracedPath(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/":                                "/",
		"*":                                "*",
		"/a/b?signature=s":                 "/a/b",
		"/a?b?signature=s":                 "/a",
		"/a#signature=s":                   "/a",
		"/a;signature=s/b":                 "/a",
		"/a%3Fsignature=s":                 "/a",
		"/a%3fsignature=s":                 "/a",
		"/a%23signature=s%3F":              "/a",
		"/a%3Bsignature=s":                 "/a",
		"/a%253Fb":                         "/a%253Fb",
		"/%E2%98%83/captures/7/?signature": "/%E2%98%83/captures/7/",
	} {
		if got := tracedPath([]byte(target)); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}
