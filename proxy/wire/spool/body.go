package spool

import (
	"io"
	"os"
	"sync"

	"github.com/thumbedge/thumbedge/internal/disk"
)

// Body is one body. One goroutine writes it (Room and Commit, Write, Push, End) and one
// reads it (Next, Skip, Rewind, Abandon), at the same time if they like; Close is called
// when both are through.
type Body struct {
	store *Store
	kept  bool // what was read stays until Close
	few   [4]*chunk

	mu      sync.Mutex
	changed sync.Cond // something was written or read, or one side is through
	chunks  []*chunk  // the first part of what is held
	memory  int64     // bytes that chunks take
	file    *os.File  // the part after that; nil: none
	filed   int64     // bytes in file
	filing  bool      // a write to file is under way
	lent    []byte    // the last part: memory of the writer, who waits
	length  int64     // bytes written in all
	read    int64     // bytes read in all
	dropped int64     // bytes that were read and are not held any more
	reading int       // the chunk that is read
	passed  int64     // bytes of the chunks before it

	ended     bool
	endErr    error
	abandoned bool
}

// NewBody returns an empty body. What the reader has read is given back at once, unless
// kept is set: then it can be read again, and Close gives it back.
func (s *Store) NewBody(kept bool) *Body {
	b := &Body{store: s, kept: kept}
	b.chunks = b.few[:0]
	b.changed.L = &b.mu
	return b
}

// Len returns how many bytes were written.
func (b *Body) Len() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.length
}

// Part is the next piece of a body: Bytes, or Length bytes of a file, which ReadAt reads.
// It is valid until Skip.
type Part struct {
	Bytes  []byte
	Length int64

	file *os.File
	from int64 // in file
	disk *disk.Disk
}

// InFile says whether the part is in a file.
func (p Part) InFile() bool { return p.file != nil }

// ReadAt reads from a position of a part that is in a file, for as long as the disk
// answers: an error may wrap disk.ErrStandsStill.
func (p Part) ReadAt(b []byte, off int64) (int, error) {
	return p.disk.ReadAt(p.file, b, p.from+off)
}

// Next waits for bytes and returns the next ones, without going past them. After the
// last one it returns what End was given, io.EOF for nil.
func (b *Body) Next() (Part, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.read == b.length && !b.ended {
		b.changed.Wait()
	}
	if b.read == b.length {
		if b.endErr != nil {
			return Part{}, b.endErr
		}
		return Part{}, io.EOF
	}
	at := b.read - b.dropped - b.passed
	for ; b.reading < len(b.chunks); b.reading++ {
		data := b.chunks[b.reading].data
		if at < int64(len(data)) {
			return Part{Bytes: data[at:], Length: int64(len(data)) - at}, nil
		}
		at -= int64(len(data)) // there is more, so that this chunk is full
		b.passed += int64(len(data))
	}
	if at < b.filed {
		return Part{Length: b.filed - at, file: b.file, from: at, disk: b.store.reads}, nil
	}
	at -= b.filed
	return Part{Bytes: b.lent[at:], Length: int64(len(b.lent)) - at}, nil
}

// Skip goes past n bytes of what Next returned.
func (b *Body) Skip(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read += n
	if !b.kept {
		b.drop()
	}
	b.changed.Broadcast()
}

// drop gives back what was read. A file's space comes free when all of it was.
func (b *Body) drop() {
	b.reading, b.passed = 0, 0
	for len(b.chunks) > 0 && b.read-b.dropped >= int64(len(b.chunks[0].data)) {
		c := b.chunks[0]
		b.chunks[0] = nil
		b.chunks = b.chunks[1:]
		b.dropped += int64(len(c.data))
		b.memory -= int64(len(c.buf))
		b.store.release(c)
	}
	if b.read < b.length || b.filing {
		return
	}
	b.chunks = b.few[:0]
	b.dropped = b.read
	if b.file != nil {
		b.dropFile()
	}
}

func (b *Body) dropFile() {
	b.store.disk.Add(-b.filed)
	_ = b.file.Close()
	b.file, b.filed = nil, 0
}

// Rewind goes back to the first byte of a body that is kept.
func (b *Body) Rewind() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read, b.reading, b.passed = 0, 0, 0
}

// Abandon says that the reader reads no more: Push fails from now on.
func (b *Body) Abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.abandoned = true
	b.changed.Broadcast()
}

// End says that nothing more is written, and why: nil when the body is complete.
func (b *Body) End(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.endErr = true, err
	b.changed.Broadcast()
}

// Close gives everything back. The body must not be used any more.
func (b *Body) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.chunks {
		b.store.release(c)
	}
	b.chunks, b.memory = nil, 0
	if b.file != nil {
		b.dropFile()
	}
}
