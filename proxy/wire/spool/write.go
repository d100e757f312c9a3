package spool

import (
	"errors"
	"fmt"
)

// ErrAbandoned is what Push returns when nobody reads the body any more.
var ErrAbandoned = errors.New("nobody reads the body any more")

// checkEvery is how many bytes a file grows by until the free space is looked at.
const checkEvery = 1 << 20

// Write takes p, or as much of it as it may, and says then why not more.
func (b *Body) Write(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.changed.Broadcast()
	for n < len(p) {
		part := p[n:]
		if left := b.store.cfg.Max - b.held(); left < int64(len(part)) {
			if left <= 0 {
				return n, ErrTooLarge
			}
			part = part[:left]
		}
		taken, err := b.take(part)
		n += taken
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Open makes sure of room for a first byte, and says why there is none.
func (b *Body) Open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.room(false) != nil {
		return nil
	}
	err := b.store.tryFile()
	if err != nil && b.room(true) != nil {
		return nil
	}
	return err
}

// held is how many bytes of the body are somewhere in the store.
func (b *Body) held() int64 { return b.length - b.dropped }

// take takes a first part of p.
func (b *Body) take(p []byte) (int, error) {
	if c := b.room(false); c != nil {
		return b.commit(c, copy(c.buf[len(c.data):], p)), nil
	}
	n, err := b.spill(p)
	if err == nil || n > 0 || b.file != nil {
		return n, err
	}
	if c := b.room(true); c != nil { // no file can be had
		return b.commit(c, copy(c.buf[len(c.data):], p)), nil
	}
	return 0, err
}

// room returns the chunk that is written next; nil: the file is. All means that the
// body may have whatever memory is left.
func (b *Body) room(all bool) *chunk {
	if b.file != nil {
		return nil
	}
	if last := len(b.chunks) - 1; last >= 0 && len(b.chunks[last].data) < len(b.chunks[last].buf) {
		return b.chunks[last]
	}
	held := b.memory
	if all {
		held = 0
	}
	c := b.store.chunk(len(b.chunks), held)
	if c == nil {
		return nil
	}
	b.chunks = append(b.chunks, c)
	b.memory += int64(len(c.buf))
	return c
}

func (b *Body) commit(c *chunk, n int) int {
	c.data = c.buf[:len(c.data)+n]
	b.length += int64(n)
	return n
}

// spill writes p to the file. The lock is not held meanwhile: a disk that is busy does
// not keep the reader from what is there.
func (b *Body) spill(p []byte) (n int, err error) {
	if !b.store.takeDisk(int64(len(p))) {
		return 0, ErrFull
	}
	if b.file == nil {
		if b.file, err = b.store.open(); err != nil {
			b.store.disk.Add(-int64(len(p)))
			return 0, fmt.Errorf("%w: %w", ErrDisk, err)
		}
	}
	at, file := b.filed, b.file
	b.filing = true
	b.mu.Unlock()
	if at == 0 || at/checkEvery != (at+int64(len(p)))/checkEvery {
		_, err = examine(file)
	}
	if err == nil {
		n, err = file.WriteAt(p, at)
	}
	b.mu.Lock()
	b.filing = false
	b.store.disk.Add(-int64(len(p) - n))
	b.filed += int64(n)
	b.length += int64(n)
	if b.filed == 0 {
		b.dropFile()
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return n, err
}

// Room returns memory of the body to read into, so that it need not be copied, for
// Commit to say how much was; nil where there is none and Write is to be used. Only a
// body that is kept has it.
func (b *Body) Room() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.store.cfg.Max - b.held()
	if left <= 0 {
		return nil
	}
	c := b.room(false)
	if c == nil {
		return nil
	}
	space := c.buf[len(c.data):]
	return space[:min(int64(len(space)), left)]
}

// Commit takes the first n bytes of what Room returned.
func (b *Body) Commit(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 {
		b.commit(b.chunks[len(b.chunks)-1], n)
		b.changed.Broadcast()
	}
}

// Push takes all of p. What there is no room for stays p's, and Push waits until the
// reader has read it. It fails only when the body is abandoned. A body that is kept
// has no Push.
func (b *Body) Push(p []byte) (waited bool, err error) {
	n, _ := b.Write(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if n < len(p) && !b.abandoned {
		waited = true
		b.lent = p[n:]
		b.length += int64(len(b.lent))
		b.changed.Broadcast()
		for b.read < b.length && !b.abandoned {
			b.changed.Wait()
		}
		b.lent = nil
	}
	if b.abandoned {
		err = ErrAbandoned
	}
	return waited, err
}
