package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/thumbedge/thumbedge/internal/child"
)

// runGreedy asks for one page without pause until it is told to end, and says then how
// often it came.
func (p *part) runGreedy() error {
	var pages, over atomic.Int64
	var asking errgroup.Group
	for range p.connections {
		asking.Go(func() error {
			conn, err := net.Dial("tcp", p.at)
			if err != nil {
				return fmt.Errorf("connecting: %w", err)
			}
			defer conn.Close()
			for over.Load() == 0 {
				if err := take(conn.(*net.TCPConn), p.target); err != nil {
					return err
				}
				pages.Add(1)
			}
			return nil
		})
	}
	child.Announce("asking")
	over.Store(1)
	err := asking.Wait()
	fmt.Println(pages.Load())
	return err
}

// take asks for a page, and throws it away as it comes.
func take(conn *net.TCPConn, target string) error {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bench.test\r\n\r\n", target); err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil) //nolint:bodyclose // it would read the body
	if err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK || answer.ContentLength < 0 {
		return fmt.Errorf("%s is %s, %d bytes", target, answer.Status, answer.ContentLength)
	}
	return discard(conn, answer.ContentLength-int64(reader.Buffered()))
}

// discard has the kernel throw bytes away: a client that runs elsewhere takes nothing of
// this machine's processors. Linux does not copy for MSG_TRUNC.
func discard(conn *net.TCPConn, left int64) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	room := make([]byte, 1<<20)
	var failure error
	err = raw.Read(func(fd uintptr) bool {
		for left > 0 {
			n, _, err := unix.Recvfrom(int(fd), room[:min(left, int64(len(room)))], unix.MSG_TRUNC|unix.MSG_DONTWAIT)
			switch {
			case errors.Is(err, syscall.EAGAIN):
				return false
			case errors.Is(err, syscall.EINTR):
				continue
			case err == nil && n == 0:
				failure = io.ErrUnexpectedEOF
				return true
			case err != nil:
				failure = err
				return true
			}
			left -= int64(n)
		}
		return true
	})
	return errors.Join(err, failure)
}
