package condition_test

import (
	"testing"

	"github.com/thumbedge/thumbedge/proxy/condition"
)

// Whatever a client asks for, a range lies within the file.
func FuzzRanges(f *testing.F) {
	f.Add("bytes=-1", int64(20))
	f.Add("bytes=9223372036854775807-9223372036854775807", int64(1))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		r, asked := condition.ParseRange(header, size)
		if asked && r.Length != 0 && (r.Start < 0 || r.Length < 0 || r.Start >= size || r.Length > size-r.Start) {
			t.Errorf("range %+v of a file of %d bytes", r, size)
		}
	})
}
