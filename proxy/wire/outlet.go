package wire

import (
	"fmt"
	"io"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/thumbedge/thumbedge/proxy/wire/giveway"
	"github.com/thumbedge/thumbedge/proxy/wire/spool"
)

const (
	maxParts = 3
	// mostAtOnce is how many bytes one system call writes. Neither the kernel nor Go's
	// scheduler takes the processor away from it, nor begins a collection meanwhile.
	mostAtOnce = 256 << 10
)

// outlet writes several pieces of memory to a connection in one call. It belongs
// to whoever writes to the connection.
type outlet struct {
	raw   syscall.RawConn
	parts [maxParts][]byte
	left  int // bytes of parts
	err   error
	work  giveway.Work
	flush func(fd uintptr) bool
	once  func(fd uintptr) bool
}

func (o *outlet) init(raw syscall.RawConn) {
	o.raw = raw
	o.flush = o.flushTo
	o.once = func(fd uintptr) bool { o.flushTo(fd); return true }
}

// set takes the pieces to be written, three at most.
func (o *outlet) set(parts ...[]byte) {
	clear(o.parts[copy(o.parts[:], parts):])
	o.left = 0
	for _, part := range parts {
		o.left += len(part)
	}
}

// write writes what is left of the pieces, and returns how much of it was written.
// After an error that passes, such as a deadline's, it may be called again.
func (o *outlet) write() (int, error) {
	before := o.left
	o.err = nil
	err := o.raw.Write(o.flush)
	if err == nil {
		err = o.err
	}
	return before - o.left, err
}

// writeNow is write, as far as it need not wait.
func (o *outlet) writeNow() (int, error) {
	before := o.left
	o.err = nil
	err := o.raw.Write(o.once)
	if err == nil {
		err = o.err
	}
	return before - o.left, err
}

// writeFile writes a part of a spooled body that is in a file, from a position on, and
// returns how much of it was written; likewise it may be called again. It has one of the
// buffers, of copyBuffer, while the peer takes something: what a slow one leaves of that is
// read again. Sendfile would need none, and would wait for a disk that stands still.
func (o *outlet) writeFile(part spool.Part, from int64, buffers *sync.Pool) (n int64, err error) {
	write := func(fd uintptr) bool {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		defer o.set()
		for from+n < part.Length {
			data := (*buf)[:min(part.Length-from-n, int64(len(*buf)))]
			if _, failure := part.ReadAt(data, from+n); failure != nil {
				o.err = fmt.Errorf("%w: %w", errSpool, failure)
				return true
			}
			o.set(data)
			all := o.flushTo(fd)
			n += int64(len(data) - o.left)
			if !all || o.err != nil {
				return all
			}
		}
		return true
	}
	o.err = nil
	if err = o.raw.Write(write); err == nil {
		err = o.err
	}
	return n, err
}

func (o *outlet) flushTo(fd uintptr) bool {
	for o.left > 0 {
		n, err := writeNonblocking(int(fd), &o.parts)
		if err == unix.EAGAIN {
			o.work.Waited()
			return false
		}
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if o.err = err; err != nil {
			return true
		}
		o.left -= n
		o.work.Moved(n)
		for i := range o.parts {
			gone := min(n, len(o.parts[i]))
			o.parts[i] = o.parts[i][gone:]
			n -= gone
		}
	}
	clear(o.parts[:])
	return true
}
