package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
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
		if address, err = freeAddress(); err != nil {
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

// run starts the process on a thread that lives as long as the process does: the
// kernel sends Pdeathsig when the *thread* that started a child ends.
func (p *process) run(program string, args []string) error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(program, args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
			close(p.exited)
		}
	}()
	return <-started
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

func freeAddress() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
