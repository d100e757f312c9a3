package main_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	gigabyte  = 1 << 30
	blockSize = 256 << 10
)

// block is what large bodies are made of; each begins with its number, so that one
// that is missing, repeated or moved shows.
var block = func() []byte {
	b := make([]byte, blockSize)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(b)
	return b
}()

func writeBlocks(w io.Writer, size int) error {
	own := bytes.Clone(block)
	for i := range size / blockSize {
		binary.BigEndian.PutUint64(own, uint64(i))
		if _, err := w.Write(own); err != nil {
			return err
		}
	}
	return nil
}

func readBlocks(r io.Reader, size int) error {
	got, want := make([]byte, blockSize), bytes.Clone(block)
	for i := range size / blockSize {
		binary.BigEndian.PutUint64(want, uint64(i))
		if _, err := io.ReadFull(r, got); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("block %d differs", i)
		}
	}
	return nil
}

// Where nothing is spooled, a gibibyte goes up while another comes down, and a third
// waits for a client that does not read: the bytes are right, and the process never takes 64 MiB.
func TestServeStreamsInLittleMemory(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64 // to the client that does not read
	received := make(chan error, 1)
	app := startApp(t, func(conn net.Conn, br *bufio.Reader) {
		_, target, err := readHead(br)
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", gigabyte)
		if target == "/unread" {
			_ = writeBlocks(countingWriter{conn, &sent}, gigabyte) // until it is gone
			return
		}
		var down sync.WaitGroup
		down.Go(func() {
			if err := writeBlocks(conn, gigabyte); err != nil {
				t.Errorf("the app, writing: %v", err)
			}
		})
		received <- readBlocks(br, gigabyte)
		down.Wait()
	})
	s := serve(t, configure(t, app, nobody, "[upstream]\nspool = false\n"))

	unread, unreadBR := s.dial(t)
	_, _ = io.WriteString(unread, get("/unread"))
	if head, _, err := readHead(unreadBR); err != nil || !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Fatalf("answer %q, %v", head, err)
	}
	conn, br := s.dial(t)
	_, _ = fmt.Fprintf(conn, "POST /both HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n", gigabyte)
	var up sync.WaitGroup
	up.Go(func() {
		if err := writeBlocks(conn, gigabyte); err != nil {
			t.Errorf("uploading: %v", err)
		}
	})
	if head, _, err := readHead(br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Fatalf("answer %q, %v", head, err)
	}
	if err := readBlocks(br, gigabyte); err != nil {
		t.Errorf("downloading: %v", err)
	}
	up.Wait()
	if err := <-received; err != nil {
		t.Errorf("the app, reading: %v", err)
	}
	peak := peakMemory(t, s.cmd.Process.Pid)
	t.Logf("%d MiB at the most; %d MiB were sent to a client that does not read", peak>>20, sent.Load()>>20)
	if peak >= 64<<20 {
		t.Errorf("the process took %d MiB", peak>>20)
	}
	if sent.Load() > gigabyte/8 { // what the kernel's buffers take
		t.Errorf("%d MiB were taken off the app for a client that does not read", sent.Load()>>20)
	}
	_ = unread.Close()
}

type countingWriter struct {
	io.Writer
	n *atomic.Int64
}

func (w countingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n.Add(int64(n))
	return n, err
}

// peakMemory is the most that a process has had resident, in bytes.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kib int64
			if _, err := fmt.Sscan(value, &kib); err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
