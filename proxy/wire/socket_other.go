//go:build !linux

package wire

import (
	"syscall"

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

// writeNonblocking writes the first of the parts, or fails with unix.EAGAIN.
func writeNonblocking(fd int, parts *[maxParts][]byte) (int, error) {
	for _, part := range parts {
		if len(part) > 0 {
			n, err := unix.Write(fd, part[:min(len(part), mostAtOnce)])
			return max(n, 0), err
		}
	}
	return 0, nil
}

// readable says whether something is to be read: bytes, the end, or an error.
func readable(fd int) bool {
	_, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err != unix.EAGAIN
}

// undelivered cannot be known here: -1.
func undelivered(syscall.RawConn) int { return -1 }
