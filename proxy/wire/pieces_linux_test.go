package wire

import (
	"testing"

	"golang.org/x/sys/unix"
)

// One system call never writes all that a connection takes of a large body: meanwhile
// neither the kernel nor Go's scheduler would let anybody else have the processor.
func TestLargeBodiesAreWrittenInPieces(t *testing.T) {
	t.Parallel()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	if err := unix.SetsockoptInt(ends[0], unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 64<<20); err != nil {
		if err = unix.SetsockoptInt(ends[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20); err != nil {
			t.Fatal(err)
		}
	}
	body := make([]byte, 8<<20)
	parts := [maxParts][]byte{[]byte("head"), body, body}
	if n, err := writeNonblocking(ends[0], &parts); err != nil || n == 0 || n > mostAtOnce {
		t.Errorf("wrote %d bytes at once, %v", n, err)
	}
}
