package wire

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readNonblocking reads what is there, or fails with unix.EAGAIN.
func readNonblocking(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// writeNonblocking writes as much of the parts as can be written, or fails with
// unix.EAGAIN. It is unix.Writev without its allocation.
func writeNonblocking(fd int, parts *[maxParts][]byte) (int, error) {
	var vector [maxParts]syscall.Iovec
	n := 0
	for _, part := range parts {
		if len(part) > 0 {
			vector[n].Base = unsafe.SliceData(part)
			vector[n].SetLen(len(part))
			n++
		}
	}
	for {
		written, _, errno := syscall.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&vector)), uintptr(n))
		switch errno {
		case 0:
			return int(written), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// readable says whether something is to be read: bytes, the end, or an error.
func readable(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n != 0 || err != nil && err != unix.EINTR
}

// undelivered says how many of the bytes written to a connection the peer's kernel
// has not acknowledged; -1 when that cannot be known.
func undelivered(raw syscall.RawConn) int {
	queued := -1
	_ = raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			queued = n
		}
	})
	return queued
}
