package thumb_test

import (
	"net/url"
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func FuzzAppendEscaped(f *testing.F) {
	f.Add("thumbnails/capture_1/small_00000000000000ab.jpg")
	f.Add("a b+c%2F\"<&>'\\\x00é?#;=~..//")
	f.Fuzz(func(t *testing.T, key string) {
		escaped := string(thumb.AppendEscaped(nil, key))
		for i := range len(escaped) {
			if c := escaped[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == '\'' {
				t.Fatalf("%q became %q, which has %q in it", key, escaped, c)
			}
		}
		if back, err := url.PathUnescape(escaped); err != nil || back != key {
			t.Errorf("%q became %q, which is %q again: %v", key, escaped, back, err)
		}
	})
}
