// Package giveway keeps work on a large body from holding up everybody else's small ones.
// proxy uses it for pages, proxy/wire for what it moves between connections.
//
// A goroutine that computes, or that reads and writes connections which are always ready,
// never waits, and that harms others in two ways:
//
//   - Go's scheduler looks at the network where a thread has nothing else to run. One that
//     was woken by the network runs what it was woken for, and leaves nobody there, although
//     a processor of Go's may be idle: the next request is seen up to 10 ms later, by a
//     thread that looks around for just this. runtime.Gosched has an idle processor's
//     thread woken, which looks. Where all processors are busy it helps nobody, since the
//     scheduler takes the same goroutine again before it looks at the network.
//   - The kernel lets a thread that computes go on for some milliseconds before another
//     one, of the app or of this program, gets the core.
//
// Against both helps to sleep, however shortly: Go's scheduler looks at the network, and
// the core is free. So work gives way often, and sleeps now and then. Small bodies are done
// before the first time.
package giveway

import (
	"runtime"
	"time"
)

const (
	// Stretch is how many bytes of a body are worked on between two times that others are
	// let in.
	Stretch = 64 << 10
	// moved is the same for bytes that are only moved.
	moved = 4 * Stretch
	// busy is for how long work goes on without a rest, and rest how long that is, where
	// others have something to do. Else the kernel makes a millisecond of it.
	busy = 500 * time.Microsecond
	rest = busy
	// Bytes are moved without waiting for anybody where so many took no longer than that.
	// It is as much as any network carries, so that a rest slows none down.
	fast     = 1 << 20
	fastTime = 2 * time.Millisecond
)

// Work is one piece of work. It belongs to one goroutine; the zero value is ready.
type Work struct {
	done   int // bytes since others were let in
	since  time.Time
	fast   int // bytes moved since then
	passes int // how often others were let in; for tests
	rests  int // how often of that for longer
}

// Begin begins another piece of work.
func (w *Work) Begin() { *w = Work{} }

// Did notes that so many bytes more were worked on, and lets others in where it is time.
func (w *Work) Did(n int) {
	if w.done += n; w.done >= Stretch {
		w.letIn()
	}
}

func (w *Work) letIn() {
	w.done = 0
	now := time.Now()
	if w.since.IsZero() { // most bodies are done before the next time
		w.since = now
		return
	}
	if now.Sub(w.since) < busy {
		w.pass()
		return
	}
	w.sleep()
}

// Moved notes that so many bytes more were moved by system calls that did not wait.
func (w *Work) Moved(n int) {
	if w.done += n; w.done >= moved {
		w.letInMoving()
	}
}

func (w *Work) letInMoving() {
	w.fast += w.done
	w.done = 0
	if w.fast < fast && !w.since.IsZero() {
		w.pass()
		return
	}
	now := time.Now()
	if !w.since.IsZero() && now.Sub(w.since) < fastTime {
		w.sleep()
		return
	}
	w.since, w.fast = now, 0
	w.pass()
}

// Waited notes that moving had to wait, which let others in.
func (w *Work) Waited() { w.Begin() }

func (w *Work) pass() {
	w.passes++
	runtime.Gosched()
}

func (w *Work) sleep() {
	w.passes++
	w.rests++
	time.Sleep(rest)
	w.since, w.fast = time.Now(), 0
}
