package testenv

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Disk is what this process's calls of fsync and pwrite go through, which is how stored
// files are flushed and spooled bodies written, or those by which files are read. While it stands still, they do not return,
// and their threads can do nothing else: as on a disk that has stopped to answer.
//
// It is done by seccomp: the kernel asks a goroutine of this process what to do with each
// of those calls. Nothing takes that back, so it is for tests that run Alone. Processes
// that were started before are not affected; those that are started later inherit it, and
// their calls pass.
type Disk struct {
	listener int
	concerns func(*notification) bool
	mu       sync.Mutex
	still    bool
	held     []uint64
	stopped  atomic.Int64
}

// The kernel's, from linux/seccomp.h; 64-bit systems have them in this order and size.
type notification struct {
	id         uint64
	pid, flags uint32
	number     int32
	arch       uint32
	pointer    uint64
	args       [6]uint64
}

type response struct {
	id    uint64
	value int64
	err   int32
	flags uint32
}

// InterceptDisk makes the Disk of this process.
func InterceptDisk(t *testing.T) *Disk {
	t.Helper()
	return intercept(t, func(*notification) bool { return true }, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_PWRITE64)
}

// InterceptReads makes a Disk through which this process opens, reads and sends the files of
// a folder, those without a name too. The folder's name is as the kernel has it, without
// links; its files are opened by a descriptor of it or of a folder below. It is one process's
// only Disk.
func InterceptReads(t *testing.T, folder string) *Disk {
	t.Helper()
	return intercept(t, func(n *notification) bool {
		file := n.args[0]
		if n.number == unix.SYS_SENDFILE {
			file = n.args[1]
		}
		name := nameOf(int32(file))
		if n.number == unix.SYS_OPENAT {
			name = filepath.Join(name, textAt(uintptr(n.args[1])))
		}
		return name == folder || strings.HasPrefix(name, folder+"/")
	}, unix.SYS_OPENAT, unix.SYS_PREAD64, unix.SYS_SENDFILE)
}

// nameOf returns what a descriptor of this process is open on; "" for none, and for the
// working folder, which no test's files lie in.
func nameOf(fd int32) string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	return name
}

// textAt returns the text that begins at an address of this process.
func textAt(address uintptr) string {
	var room [256]byte // what is behind it may not be there: up to the end of a page, then on
	have := 0
	for have < len(room) {
		length := min(len(room)-have, 4096-int((address+uintptr(have))%4096))
		n, err := unix.ProcessVMReadv(os.Getpid(), []unix.Iovec{{Base: &room[have], Len: uint64(length)}},
			[]unix.RemoteIovec{{Base: address + uintptr(have), Len: length}}, 0)
		if err != nil {
			break
		}
		have += n
		if end := bytes.IndexByte(room[:have], 0); end >= 0 {
			return string(room[:end])
		}
	}
	return string(room[:have])
}

func intercept(t *testing.T, concerns func(*notification) bool, calls ...uint32) *Disk {
	t.Helper()
	load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0} // the call's number
	is := func(number uint32, otherwise uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: number, Jf: otherwise, Jt: 0}
	}
	ask := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF}
	// What is opened by its whole name passes unasked: glibc opens a file when a thread first
	// allocates, and the thread that answers here would wait for itself.
	argument := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16} // the first one, its lower half
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	filter := []unix.SockFilter{load, is(unix.SYS_OPENAT, 3), argument, is(uint32(unix.AT_FDCWD&0xffffffff), 1), allow, load}
	for _, number := range calls {
		filter = append(filter, is(number, 1), ask)
	}
	filter = append(filter, allow)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // both calls are of one thread; the second one is for all
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	flags := unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(flags), uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		t.Fatalf("asking the kernel for a say in disk calls: %v", errno)
	}
	d := &Disk{listener: int(fd), concerns: concerns}
	go d.listen()
	return d
}

// listen decides about each call, as long as the process lives.
func (d *Disk) listen() {
	for {
		var n notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(d.listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // the caller was interrupted, and is gone
		}
		d.mu.Lock()
		still := d.still
		d.mu.Unlock()
		if still {
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", n.pid))
			still = err == nil && d.concerns(&n)
		}
		d.mu.Lock()
		if still && d.still {
			d.held = append(d.held, n.id)
			d.stopped.Add(1)
		} else {
			d.pass(n.id)
		}
		d.mu.Unlock()
	}
}

// pass lets a call go on.
func (d *Disk) pass(id uint64) {
	answer := response{id: id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(d.listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer))) // it may be gone
}

// StandStill makes the disk stop to answer.
func (d *Disk) StandStill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.still = true
}

// GoOn makes it answer again, what it was asked meanwhile too.
func (d *Disk) GoOn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.still = false
	for _, id := range d.held {
		d.pass(id)
	}
	d.held = nil
}

// Stopped returns how many calls have not returned at once.
func (d *Disk) Stopped() int64 { return d.stopped.Load() }
