// Package disk asks a disk for what a request waits for. A disk that stands still heeds
// nothing: a system call that has begun ends when the disk goes on, and its thread with it.
// So that no request waits for that, what was asked is left behind with a thread and memory
// of its own. How much of that there may be is bounded: a process has 10,000 threads.
//
// It is for imaging/filesystem, whose files clients are given, and for proxy/wire/spool.
package disk

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Wait is how long a request waits for the disk to open a file, or to give the next
	// part of it.
	Wait = 5 * time.Second
	// Most bounds how much a disk is asked for at once.
	Most = 256
	// Part is how much is read at once.
	Part = 64 << 10
)

// ErrStandsStill is what a request is told of in place of waiting on.
var ErrStandsStill = errors.New("the disk stands still")

// Disk is what is asked. Its methods may be called from any goroutine.
type Disk struct {
	asking chan struct{} // has a value for all that the disk is asked
	behind atomic.Int32  // how much of that nobody waits for any more
	parts  sync.Pool     // *[]byte
}

// New returns a Disk that has been asked for nothing.
func New() *Disk {
	d := &Disk{asking: make(chan struct{}, Most)}
	d.parts.New = func() any { b := make([]byte, Part); return &b }
	return d
}

// ReadAt reads from a position of a file, as far as the disk answers. What comes too late
// is written to no memory of the caller's.
func (d *Disk) ReadAt(file io.ReaderAt, p []byte, off int64) (n int, err error) {
	for err == nil && n < len(p) {
		var some int
		some, err = d.readPart(file, p[n:min(len(p), n+Part)], off+int64(n))
		n += some
	}
	return n, err
}

func (d *Disk) readPart(file io.ReaderAt, p []byte, off int64) (int, error) {
	part := d.parts.Get().(*[]byte)
	n := 0
	err := d.Ask(func() (err error) {
		n, err = file.ReadAt((*part)[:len(p)], off)
		return err
	}, nil)
	if errors.Is(err, ErrStandsStill) {
		return 0, err // the part is still to be written to
	}
	n = copy(p, (*part)[:n])
	d.parts.Put(part)
	return n, err
}

// Ask has the disk do something, and returns when it is done, or ErrStandsStill. In that
// case what was to be done is over some time or other, and then late is called, unless it
// was never begun. When so much is left behind that no more may be asked, nobody waits.
func (d *Disk) Ask(do func() error, late func()) error {
	patience := time.NewTimer(Wait)
	defer patience.Stop()
	select {
	case d.asking <- struct{}{}:
	default:
		if d.behind.Load() > 0 {
			return fmt.Errorf("%w: %d of what it was asked for is not done", ErrStandsStill, Most)
		}
		select {
		case d.asking <- struct{}{}:
		case <-patience.C:
			return ErrStandsStill
		}
	}
	var err error // once it is done
	done := make(chan struct{})
	go func() {
		defer func() { <-d.asking }()
		err = do()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-patience.C:
	}
	d.behind.Add(1)
	go func() {
		<-done
		d.behind.Add(-1)
		if late != nil {
			late()
		}
	}()
	return ErrStandsStill
}
