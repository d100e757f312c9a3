package signing_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/signing"
)

// How long verifying takes says neither which key a signature is of, nor how much of it is
// right, nor whether it is.
func TestVerifyingTakesTheSameTime(t *testing.T) {
	var keys []string
	for i := range 16 {
		keys = append(keys, strings.Repeat(string(rune('a'+i)), 32))
	}
	s := newSigner(t, site, keys...)
	of := func(key string) string { return target(newSigner(t, site, key), seven, noon) }
	first := of(keys[0])
	start := strings.Index(first, "signature=") + len("signature=")
	sigs := map[string]string{
		"of the first key":        first,
		"of the last key":         of(keys[15]),
		"of no key":               of(oldKey),
		"wrong in its first byte": first[:start] + "*" + first[start+1:],
		"wrong in its last byte":  first[:len(first)-1] + "*",
	}
	took := map[string][]time.Duration{}
	for range 41 { // in turns, on a machine that does other things too
		for name, text := range sigs {
			_, sig := signing.Take([]byte(text))
			began := time.Now()
			for range 20 {
				s.Verify(sig, seven, noon)
			}
			took[name] = append(took[name], time.Since(began))
		}
	}
	least, most := time.Hour, time.Duration(0)
	for _, times := range took {
		median := slices.Sorted(slices.Values(times))[len(times)/4]
		least, most = min(least, median), max(most, median)
	}
	if most > 2*least {
		t.Errorf("from %v to %v", least, most)
	}
}
