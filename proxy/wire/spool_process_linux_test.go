package wire

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

// proxyOf is a variable that makes the test program a proxy of the app at its value.
const proxyOf, spoolDir = "WIRE_TEST_PROXY_OF", "WIRE_TEST_SPOOL_DIR"

// serveAlone is that proxy. It ends when its input does.
func serveAlone(app string) {
	cfg := Defaults()
	cfg.Upstream.URL, cfg.Upstream.SpoolDir = "http://"+app, os.Getenv(spoolDir)
	cfg.Server.BodyTimeout = time.Hour // its clients may read nothing for long
	server, err := New(cfg, through{}, slog.New(slog.NewTextHandler(os.Stderr, nil)), NewMetrics(prometheus.NewRegistry(), "pass", "other"), nil)
	if err != nil {
		panic(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	go func() { _ = server.Serve(ln) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = server.Shutdown(context.Background())
}

// alone is a proxy in a process of its own.
type alone struct {
	wiretest.Front
	t   *testing.T
	cmd *exec.Cmd
}

func startAlone(t *testing.T, app, dir string) *alone {
	t.Helper()
	a := &alone{t: t, cmd: exec.Command(os.Args[0])}
	a.cmd.Env = append(os.Environ(), proxyOf+"="+app, spoolDir+"="+dir)
	a.cmd.Stderr = os.Stderr
	stdin, err1 := a.cmd.StdinPipe()
	stdout, err2 := a.cmd.StdoutPipe()
	if err1 != nil || err2 != nil || a.cmd.Start() != nil {
		t.Fatal("the process does not start")
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = a.cmd.Wait()
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	a.Front = wiretest.Front{T: t, Addr: strings.TrimSpace(address)}
	return a
}

// memory returns a figure of the process's status, in bytes.
func (a *alone) memory(name string) (bytes int64) {
	a.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		a.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			_, _ = fmt.Sscan(rest, &bytes)
		}
	}
	return bytes << 10
}

// written is how many bytes the process has written, to files and to connections.
func (a *alone) written() (bytes int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", a.cmd.Process.Pid))
	if err != nil {
		a.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "wchar: ")
	_, _ = fmt.Sscan(rest, &bytes)
	return bytes
}

// A gigabyte up, chunked, and one down whose client reads nothing until the app has
// given all of it: the process never takes more than spool_memory on top of what it
// takes to serve a page.
func TestGigabyteBothWays(t *testing.T) {
	const size = 1 << 30
	app := testenv.Django(t, testenv.DjangoConfig{Workers: testenv.ThreadWorkers, Threads: 4})
	a := startAlone(t, app.Address, t.TempDir())
	a.Exchange(wiretest.Get("/page"))
	before := a.memory("VmHWM")

	sum := sha256.New()
	request, err := http.NewRequest(http.MethodPost, "http://"+a.Addr+"/upload", io.TeeReader(io.LimitReader(&pattern{}, size), sum))
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = -1
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	var arrival testenv.Arrival
	err = json.NewDecoder(response.Body).Decode(&arrival)
	response.Body.Close()
	if err != nil || arrival.SHA256 != hex.EncodeToString(sum.Sum(nil)) || arrival.ContentLength != itoa(size) {
		t.Errorf("%d bytes arrived, Content-Length %s, %v", arrival.Length, arrival.ContentLength, err)
	}

	w := a.Dial()
	w.Send(fmt.Sprintf("GET /download/%d/ HTTP/1.1\r\nHost: s\r\nX-Delivery: down\r\n\r\n", size))
	eventually.HoldsAfterWork(t, "the app has given it all", a.written, func() bool {
		_, given := app.Delivered("down")
		return given == 1
	})
	if _, err := wiretest.ReadHead(w.Br); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 1<<16)
	for i := range want {
		want[i] = byte(i)
	}
	got := make([]byte, 1<<16)
	for at := 0; at < size; at += len(got) {
		if _, err := io.ReadFull(w.Br, got); err != nil || string(got) != string(want) {
			t.Fatalf("the download at %d: %v, or other bytes", at, err)
		}
	}
	after := a.memory("VmHWM")
	t.Logf("at most %d MiB were resident, %d before", after>>20, before>>20)
	if limit := Defaults().Upstream.SpoolMemory; after-before > limit {
		t.Errorf("%d bytes were taken, more than %d", after-before, limit)
	}
}

// A proxy that is killed in the middle of an upload leaves nothing at the app, nor on
// the disk.
func TestKilledWhileSpooling(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app := testenv.Django(t, testenv.DjangoConfig{Workers: testenv.ThreadWorkers})
	a := startAlone(t, app.Address, dir)
	w := a.Dial().Send("POST /killed HTTP/1.1\r\nHost: s\r\nX-Delivery: killed\r\nTransfer-Encoding: chunked\r\n\r\n800000\r\n")
	_, _ = io.CopyN(w.TCPConn, &pattern{}, 4<<20)
	_ = a.cmd.Process.Signal(syscall.SIGKILL)
	w.Rest()
	if begun, _ := app.Delivered("killed"); begun != 0 {
		t.Errorf("the app was sent it %d times", begun)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", err, left)
	}
}
