package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// lastMoment is how long what was written may take to leave after Close.
const lastMoment = 2 * time.Second

// secured is the near end of a socket pair. What is written to it leaves by a TLS connection,
// and what comes by that is read from it. The detour costs a copy each way, and spares
// everybody who uses descriptors, the hot path before all, from knowing of TLS.
type secured struct {
	*net.UnixConn // the goroutine of carry has the far end, and ends with this one
	outer         *tls.Conn
	broken        atomic.Bool // outer ended in another way than TLS has for an end
	closed        atomic.Bool
}

// secure speaks TLS on a connection, which it closes where that fails.
func secure(ctx context.Context, conn net.Conn, cfg *tls.Config) (Conn, error) {
	outer := tls.Client(conn, cfg)
	if err := outer.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("speaking TLS: %w", err)
	}
	near, far, err := pair()
	if err != nil {
		_ = outer.Close()
		return nil, err
	}
	s := &secured{UnixConn: near, outer: outer}
	go s.carry(far)
	return s, nil
}

// pair returns both ends of a socket pair.
func pair() (near, far *net.UnixConn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket pair: %w", err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		unix.CloseOnExec(fd)
		file := os.NewFile(uintptr(fd), "socket pair")
		conn, failure := net.FileConn(file)
		_ = file.Close()
		if failure != nil {
			err = fmt.Errorf("making a socket pair: %w", failure)
			continue
		}
		ends[i] = conn.(*net.UnixConn)
	}
	if err != nil {
		for _, end := range ends {
			if end != nil {
				_ = end.Close()
			}
		}
		return nil, nil, err
	}
	return ends[0], ends[1], nil
}

// carry carries bytes both ways until both have ended.
func (s *secured) carry(far *net.UnixConn) {
	var down sync.WaitGroup
	down.Go(func() {
		_, err := io.Copy(far, s.outer)
		s.broken.Store(err != nil) // first: whoever reads the end asks
		if err == nil {
			err = far.CloseWrite()
		}
		if err != nil {
			_ = far.Close()
		}
	})
	_, err := io.Copy(s.outer, far)
	if err == nil && !s.closed.Load() {
		err = s.outer.CloseWrite() // the app may still send
	}
	if err != nil || s.closed.Load() {
		_ = s.outer.Close()
	}
	down.Wait()
	_ = s.outer.Close()
	_ = far.Close()
}

// Read tells a connection that was cut from one that the app has ended.
func (s *secured) Read(p []byte) (int, error) {
	n, err := s.UnixConn.Read(p)
	if err == io.EOF && s.broken.Load() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close ends both ways. What was written still leaves, within a moment.
func (s *secured) Close() error {
	s.closed.Store(true)
	_ = s.outer.SetDeadline(time.Now().Add(lastMoment))
	return s.UnixConn.Close()
}
