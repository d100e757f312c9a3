package proxy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

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
