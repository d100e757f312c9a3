package signing

import (
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// While one remembered signature is being looked at, others are: what two pages share is a
// slot of 8192, which nobody holds for longer than one signature takes.
func TestSignaturesAreRememberedApart(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Keys: []string{strings.Repeat("k", 32)}, Lifetime: time.Hour}, "TESTSITE")
	if err != nil {
		t.Fatal(err)
	}
	const expiry = 1790000000
	held := s.recent.slot(Permission{ID: 1, Label: "small", Project: 3})
	held.Lock()
	defer held.Unlock()
	signed := 0
	for id := thumb.ID(2); id < 10_000; id++ {
		p := Permission{ID: id, Label: "small", Project: 3}
		if s.recent.slot(p) == held {
			continue
		}
		signed++
		if len(s.Append(nil, p, expiry)) == 0 {
			t.Fatalf("capture %d is not signed", id)
		}
	}
	if signed < 9_900 {
		t.Errorf("%d of 10,000 captures share the one slot", 10_000-signed)
	}
}
