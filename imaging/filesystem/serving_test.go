package filesystem

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/thumbedge/thumbedge/internal/disk"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Files are served as they are: whole, in part, and up to their end.
func TestServedFiles(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Root: t.TempDir(), URLPath: "/media/"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	const key = "thumbnails/capture_1/small_0000000000000001.jpg"
	want := bytes.Repeat([]byte("0123456789abcde"), 10_000) // more than two parts, and no multiple
	if err := s.Put(t.Context(), key, want); err != nil {
		t.Fatal(err)
	}
	v := s.Serving()
	if _, err := v.OpenFile(key + "x"); !errors.Is(err, thumb.ErrFileMissing) {
		t.Errorf("a file that is not there: %v", err)
	}
	file, err := v.OpenFile(key)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range [][2]int64{{0, int64(len(want))}, {7, 9}, {disk.Part - 1, disk.Part + 2}, {int64(len(want)) - 3, 100}} {
		got, err := io.ReadAll(io.NewSectionReader(file, c[0], c[1]))
		if expected := want[c[0]:min(c[0]+c[1], int64(len(want)))]; err != nil || !bytes.Equal(got, expected) {
			t.Errorf("%d bytes from %d: %d bytes, %v", c[1], c[0], len(got), err)
		}
	}
	if n, err := file.ReadAt(make([]byte, 10), int64(len(want))-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("past the end: %d, %v", n, err)
	}
}
