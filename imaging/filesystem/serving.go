package filesystem

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	// servingWait is how long a client waits for the disk to open a file, or to give the
	// next part of it.
	servingWait = 5 * time.Second
	// mostServing bounds how much the disk is asked for at once. Each may keep a thread
	// of the system's, of which a process has 10,000.
	mostServing = 256
	// servingPart is how much is read at once.
	servingPart = 64 << 10
)

// errStandsStill is what a client is told of in place of waiting on.
var errStandsStill = fmt.Errorf("%w: the disk stands still", thumb.ErrBusy)

// Serving opens files for clients, who do not wait for a disk that stands still. What was
// asked of that heeds nothing: it is left behind with a thread and a buffer of its own, and
// comes to its end when the disk does. When so much is left behind that no more may be
// asked, nobody waits at all.
type Serving struct {
	storage *Storage
	asking  chan struct{} // has a value for all that the disk is asked
	behind  atomic.Int32  // how much of that nobody waits for any more
	parts   sync.Pool     // *[]byte
}

// Serving returns what opens the storage's files for clients.
func (s *Storage) Serving() *Serving {
	v := &Serving{storage: s, asking: make(chan struct{}, mostServing)}
	v.parts.New = func() any { b := make([]byte, servingPart); return &b }
	return v
}

// ServedFile is an open file of Serving. It is for one reader at a time.
type ServedFile struct {
	*File
	serving *Serving
}

// OpenFile is the Storage's, as far as the disk answers.
func (v *Serving) OpenFile(key string) (*ServedFile, error) {
	var file *File
	err := v.ask(func() (err error) {
		file, err = v.storage.OpenFile(key)
		return err
	}, func() {
		if file != nil {
			_ = file.Close() // opened for nobody
		}
	})
	if err != nil {
		return nil, err
	}
	return &ServedFile{file, v}, nil
}

// ReadAt reads from a position, as far as the disk answers. What comes too late is written
// to no memory of the caller's.
func (f *ServedFile) ReadAt(p []byte, off int64) (n int, err error) {
	for err == nil && n < len(p) {
		var some int
		some, err = f.readPart(p[n:min(len(p), n+servingPart)], off+int64(n))
		n += some
	}
	return n, err
}

func (f *ServedFile) readPart(p []byte, off int64) (int, error) {
	part := f.serving.parts.Get().(*[]byte)
	n := 0
	err := f.serving.ask(func() (err error) {
		n, err = f.File.ReadAt((*part)[:len(p)], off)
		return err
	}, nil)
	if errors.Is(err, errStandsStill) {
		return 0, err // the part is still to be written to
	}
	n = copy(p, (*part)[:n])
	f.serving.parts.Put(part)
	return n, err
}

// ask has the disk do something, and returns when it is done, or errStandsStill. In that
// case what was to be done is over some time or other, and then late is called.
func (v *Serving) ask(do func() error, late func()) error {
	patience := time.NewTimer(servingWait)
	defer patience.Stop()
	select {
	case v.asking <- struct{}{}:
	default:
		if v.behind.Load() > 0 {
			return fmt.Errorf("%w: %d of what it was asked for is not done", errStandsStill, mostServing)
		}
		select {
		case v.asking <- struct{}{}:
		case <-patience.C:
			return errStandsStill
		}
	}
	var err error // once it is done
	done := make(chan struct{})
	go func() {
		defer func() { <-v.asking }()
		err = do()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-patience.C:
	}
	v.behind.Add(1)
	go func() {
		<-done
		v.behind.Add(-1)
		if late != nil {
			late()
		}
	}()
	return errStandsStill
}
