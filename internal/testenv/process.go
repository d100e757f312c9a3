package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/child"
)

// process is a program that runs beside the tests. It ends with them, however
// they end.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	log    string
}

// start runs a program that listens on the free port of 127.0.0.1 that args is
// given, until ready returns nil. A free port may be taken by another process
// meanwhile: ready has to make sure that it talks to this program, and another
// port is tried when it ended.
func start(program string, args func(address string) []string, ready func(ctx context.Context, address string) error) (address string, err error) {
	dir, err := tempDir()
	if err != nil {
		return "", err
	}
	for range 5 {
		if address, err = child.FreeAddress(); err != nil {
			return "", err
		}
		p := &process{exited: make(chan struct{}), log: filepath.Join(dir, "log")}
		if err = p.run(program, args(address)); err != nil {
			return "", err
		}
		if err = p.await(address, ready); err == nil {
			atExit(p.stop)
			return address, nil
		}
		p.stop()
	}
	return "", err
}

func (p *process) run(program string, args []string) error {
	p.cmd = exec.Command(program, args...)
	return p.launch()
}

func (p *process) launch() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	return child.Start(p.cmd, syscall.SIGKILL, p.exited)
}

func (p *process) await(address string, ready func(ctx context.Context, address string) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		err := ready(ctx, address)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s ended while starting: %s", filepath.Base(p.cmd.Path), text)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", filepath.Base(p.cmd.Path), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *process) stop() {
	if err := p.cmd.Process.Kill(); err == nil || errors.Is(err, os.ErrProcessDone) {
		<-p.exited
	}
}

// Process is a program that a test runs by itself.
type Process struct {
	*exec.Cmd
	// Exited is closed when it is over.
	Exited <-chan struct{}
	log    string
}

// Start runs cmd, its output kept for Log. It is killed when the test ends, and
// however the test's own process ends.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	p := &process{cmd: cmd, exited: make(chan struct{}), log: log}
	if err := p.launch(); err != nil {
		t.Fatalf("starting %s: %v", cmd.Path, err)
	}
	t.Cleanup(p.stop)
	return &Process{Cmd: cmd, Exited: p.exited, log: log}
}

// Log returns what the program has printed.
func (p *Process) Log() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

// FreeAddress returns an address of 127.0.0.1 that nothing listens on yet.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, err := child.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
