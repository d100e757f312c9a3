package thumb_test

import (
	"math"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// stamp signs by the length of what it signs.
type stamp struct{}

func (stamp) AppendSignature(dst []byte, start int) []byte {
	return append(dst, "?signed="+strings.Repeat("i", len(dst)-start)...)
}

func (stamp) Name() []byte { return []byte("stamp") }

// Whatever was written before, each URL is Base, the key and the signature.
func TestStorageURLs(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"/media/", "https://cdn.test/up%26loads/", "https://cdn.test/" + strings.Repeat("a-long-folder/", 9)} {
		for _, signer := range []thumb.Signer{nil, stamp{}} {
			urls := thumb.StorageURLs{Base: base, Own: thumb.Keys(base + "a%20b/"), Signer: signer}
			known := thumb.Known{Digits: [thumb.MaxSpecs]uint64{1, math.MaxUint64}, Paths: &[thumb.MaxSpecs]string{2: "a b/c.jpg"}}
			for _, id := range []thumb.ID{1, 1, 2, math.MaxInt64, 1} {
				for position, label := range []string{"small", "medium", "large"} {
					want := string(thumb.Keys(base+"a%20b/").Append(nil, id, label, known.Digits[position]))
					if position == 2 {
						want = base + "a%20b/c.jpg"
					}
					if signer != nil {
						want += "?signed=" + strings.Repeat("i", len(want))
					}
					if got := string(urls.Append([]byte("before "), id, &known, label, position)); got != "before "+want {
						t.Errorf("capture %d, %s: %s, want %s", id, label, got, want)
					}
				}
			}
			urls.None = true
			if got := string(urls.Append([]byte("before "), 1, &known, "small", 0)) + urls.Of("c.jpg"); got != "before " {
				t.Errorf("there are no URLs, but %s", got)
			}
		}
	}
}
