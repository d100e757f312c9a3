package spool

import (
	"io"
	"testing"
)

// The reader of a body that is kept, which may be of thousands of chunks, goes past each
// once: it does not count from the first to where it is.
func TestReaderLooksAtEachChunkOnce(t *testing.T) {
	t.Parallel()
	s := New(Config{Memory: 1 << 40, Disk: 1 << 40, Max: 1 << 40, Dir: t.TempDir()})
	b := s.NewBody(true)
	source := pattern(16 << 20)
	if _, err := b.Write(source); err != nil {
		t.Fatal(err)
	}
	b.End(nil)
	chunks, read := b.chunks, 0
	if len(chunks) < 200 || b.file != nil {
		t.Fatalf("%d chunks and a file: %t", len(chunks), b.file != nil)
	}
	for again := range 2 {
		b.chunks = append([]*chunk{}, chunks...)
		for read = 0; ; {
			got, err := take(t, b, 10*kib)
			if err == io.EOF {
				break
			}
			if err != nil || string(got) != string(source[read:read+len(got)]) {
				t.Fatalf("time %d, at %d: %v, or other bytes", again, read, err)
			}
			read += len(got)
			clear(b.chunks[:b.reading]) // a look at one of those would be the end
		}
		if read != len(source) {
			t.Errorf("time %d: %d bytes of %d", again, read, len(source))
		}
		b.chunks = chunks
		b.Rewind()
	}
	b.Close()
	empty(t, s)
}
