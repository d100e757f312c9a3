package wire

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// streamConn is a TCP or a Unix connection.
type streamConn interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// closedByPeer looks at a connection without taking anything from it: true when
// the peer has closed its side and everything it sent was read.
func closedByPeer(raw syscall.RawConn) bool {
	closed := false
	err := raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch err {
		case nil:
			closed = n == 0
		case unix.EAGAIN, unix.EINTR:
		default:
			closed = true
		}
	})
	return closed || err != nil
}

// cut closes a connection so that the peer sees it fail, whatever it has received:
// a body that ends with the connection would look complete after an ordinary close.
func cut(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
