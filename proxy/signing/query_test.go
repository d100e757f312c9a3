package signing_test

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/signing"
)

// Whatever a target holds of a signature is taken off it; only one spelling is one.
func TestTake(t *testing.T) {
	t.Parallel()
	s := newSigner(t, site, oldKey)
	signed := target(s, seven, noon)
	expires, signature, _ := strings.Cut(signed[strings.Index(signed, "expires="):], "&")
	text := strings.TrimPrefix(signature, "signature=")
	const path = "/thumbnails/7/"
	for name, c := range map[string]struct {
		query, rest string
		good        bool
	}{
		"as it is signed":         {"label=small&" + expires + "&" + signature, "label=small", true},
		"in another order":        {signature + "&label=small&" + expires, "label=small", true},
		"with more":               {"a=1&" + expires + "&b&" + signature + "&c=%20", "a=1&b&c=%20", true},
		"nothing else":            {expires + "&" + signature, "", true},
		"signature twice":         {"label=small&" + expires + "&" + signature + "&" + signature, "label=small", false},
		"expires twice":           {expires + "&label=small&" + expires + "&" + signature, "label=small", false},
		"without expires":         {"label=small&" + signature, "label=small", false},
		"without a signature":     {"label=small&" + expires, "label=small", false},
		"upper case":              {"label=small&" + expires + "&Signature=" + text, "label=small", false},
		"escaped name":            {"label=small&" + expires + "&sign%61ture=" + text, "label=small", false},
		"escaped twice":           {"label=small&" + expires + "&sign%2561ture=" + text, "label=small", false},
		"escaped twin":            {"label=small&" + expires + "&" + signature + "&%73ignature=x", "label=small", false},
		"escaped value":           {"label=small&" + expires + "&signature=%" + "41" + text[1:], "label=small", false},
		"padded":                  {"label=small&" + expires + "&" + signature + "=", "label=small", false},
		"too long":                {"label=small&" + expires + "&" + signature + strings.Repeat("A", 9000), "label=small", false},
		"too short":               {"label=small&" + expires + "&" + signature[:len(signature)-1], "label=small", false},
		"leading zero":            {"label=small&expires=0" + expires[8:] + "&" + signature, "label=small", false},
		"sign":                    {"label=small&expires=%2B" + expires[8:] + "&" + signature, "label=small", false},
		"plus":                    {"label=small&expires=+" + expires[8:] + "&" + signature, "label=small", false},
		"space":                   {"label=small&" + expires + "%20&" + signature, "label=small", false},
		"fraction":                {"label=small&" + expires + ".0&" + signature, "label=small", false},
		"exponent":                {"label=small&expires=2e9&" + signature, "label=small", false},
		"2^63":                    {"label=small&expires=9223372036854775808&" + signature, "label=small", false},
		"negative":                {"label=small&expires=-1&" + signature, "label=small", false},
		"space about a name":      {"label=small&" + expires + "&%20signature%20=" + text, "label=small", false},
		"after a semicolon":       {"label=small;" + expires + ";" + signature, "", false},
		"an escaped ampersand":    {"label=small%26" + expires + "%26" + signature, "", false},
		"a name without a value":  {"label=small&signature&" + expires, "label=small", false},
		"the name as a value":     {"label=signature", "label=signature", false},
		"a name that is a part":   {"my_signature_x=1", "my_signature_x=1", false},
		"a percent that is wrong": {"label=%zz", "label=%zz", false},
	} {
		in := path + "?" + c.query
		rest, sig := signing.Take([]byte(in))
		want := strings.TrimSuffix(path+"?"+c.rest, "?")
		if string(rest) != want {
			t.Errorf("%s: left %s, want %s", name, rest, want)
		}
		if got := sig != nil && s.Verify(sig, seven, noon); got != c.good {
			t.Errorf("%s: taken %t, want %t", name, got, c.good)
		}
		if untouched := want == in; untouched != (sig == nil) {
			t.Errorf("%s: no signature %t", name, sig == nil)
		}
	}
}

// Nothing that an app could read as a signature is left, and what is left can be taken
// apart again without finding one.
func FuzzTake(f *testing.F) {
	f.Add("/a/?label=small&expires=1&signature=x")
	f.Add("/a/?%65xpires=1;signature=x&&")
	f.Fuzz(func(t *testing.T, target string) {
		rest, sig := signing.Take([]byte(target))
		if sig == nil && string(rest) != target {
			t.Fatalf("%q became %q without a signature", target, rest)
		}
		again, left := signing.Take(rest)
		if left != nil || string(again) != string(rest) {
			t.Errorf("%q: %q still holds one", target, rest)
		}
		if strings.Count(target, "/") != strings.Count(string(rest), "/") && sig == nil {
			t.Errorf("%q lost part of its path: %q", target, rest)
		}
	})
}
