//go:build turbojpeg

package render_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// TestManyScansOfMuch: the largest original that is let through, in as many scans as
// are, stays within its price, within what render.memory defaults to, and within
// seconds of CPU time; whether it is rendered or given up.
func TestManyScansOfMuch(t *testing.T) {
	t.Parallel()
	const defaultMemory = 512 << 20
	measure := measurer(t)
	for name, refine := range map[string]bool{"empty scans": false, "scans with bits for every coefficient": true} {
		photo := filepath.Join(t.TempDir(), "scans.jpg")
		if err := os.WriteFile(photo, manyScans(10000, 10000, 100, refine), 0o600); err != nil {
			t.Fatal(err)
		}
		m := measure(photo, specs...)
		t.Logf("%s: estimate %.0f MB, peak %.0f MB, %.2f s of CPU, rendered: %t", name, float64(m.estimate)/1e6, float64(m.peak)/1e6, m.cpu.Seconds(), m.rendered)
		if m.peak > m.estimate || m.estimate > defaultMemory {
			t.Errorf("%s takes %d bytes, estimated %d", name, m.peak, m.estimate)
		}
		if m.cpu.Seconds() > 5 {
			t.Errorf("%s takes %v of CPU time", name, m.cpu)
		}
	}
}

// manyScans writes a grey progressive JPEG: a scan of the first coefficients, one that
// makes as many of the others as there is room for, and refining scans.
func manyScans(width, height, scans int, refine bool) []byte {
	blocks := (width + 7) / 8 * ((height + 7) / 8)
	out := []byte("\xff\xd8\xff\xdb\x00\x43\x00")
	for range 64 {
		out = append(out, 1)
	}
	out = append(out, "\xff\xc2\x00\x0b\x08"...)
	out = binary.BigEndian.AppendUint16(out, uint16(height))
	out = binary.BigEndian.AppendUint16(out, uint16(width))
	out = append(out, "\x01\x01\x11\x00"...)
	// Codes: 0 for "no difference" of first coefficients. Of the others, 0 for the end
	// of a block, 10 for a coefficient of one bit.
	out = append(out, "\xff\xc4\x00\x14\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	out = append(out, "\xff\xc4\x00\x15\x10\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"...)
	scan := func(from, to, high, low byte, data []byte) {
		out = append(out, 0xff, 0xda, 0, 8, 1, 1, 0, from, to, high<<4|low)
		out = append(out, data...)
	}
	scan(0, 0, 0, 0, make([]byte, (blocks+7)/8))
	ends := make([]byte, (blocks+7)/8) // a block is one bit: its end
	if refine {
		// Of each block the first coefficient is there: 10, its bit 0, then the end 0.
		made := make([]byte, (blocks*4+7)/8)
		for i := range made {
			made[i] = 0x88
		}
		scan(1, 63, 0, 13, made)
		// Refined it is a bit more of each block: the end, then the coefficient's bit.
		for low := byte(12); ; low-- {
			scan(1, 63, low+1, low, make([]byte, (blocks*2+7)/8))
			scans--
			if low == 0 {
				break
			}
		}
	}
	for range scans - 3 {
		scan(1, 63, 0, 0, ends)
	}
	return append(out, 0xff, 0xd9)
}

// TestTooManyScans: one scan more than a hundred is refused.
func TestTooManyScans(t *testing.T) {
	t.Parallel()
	for scans, want := range map[int]bool{100: true, 110: false} {
		_, err := renderFirst(t, manyScans(64, 64, scans, false))
		if want != (err == nil) || !want && !errors.Is(err, thumb.ErrOriginalUnusable) {
			t.Errorf("%d scans: %v", scans, err)
		}
	}
}
