//go:build !race

// The race detector makes pools forget.

package signing_test

import "testing"

func TestSigningAllocatesNothing(t *testing.T) {
	s := newSigner(t, site, oldKey)
	dst := make([]byte, 0, 128)
	if n := testing.AllocsPerRun(1000, func() { dst = s.Append(dst[:0], seven, 1790000000) }); n != 0 {
		t.Errorf("%v allocations for a signature", n)
	}
}
