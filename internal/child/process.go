package child

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a server that a benchmark starts, or another part of the benchmark itself.
type Process struct {
	// PID is its process id.
	PID    int
	cmd    *exec.Cmd
	exited chan struct{}
	in     io.Closer // nil: it is ended by a signal
	out    *bufio.Reader
}

// Run starts cmd, whose output goes where cmd says.
func Run(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, exited: make(chan struct{})}
	if err := Start(cmd, syscall.SIGKILL, p.exited); err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	p.PID = cmd.Process.Pid
	return p, nil
}

// Part starts this program again with other arguments, as a part that calls Announce, and
// returns it with what it announced.
func Part(ctx context.Context, args ...string) (p *Process, announced string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("finding this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", fmt.Errorf("starting a part: %w", err)
	}
	// Not StdoutPipe, which ends when the process does, read or not.
	out, write, err := os.Pipe()
	if err != nil {
		return nil, "", fmt.Errorf("starting a part: %w", err)
	}
	cmd.Stdout = write
	p, err = Run(cmd)
	_ = write.Close()
	if err != nil {
		_, _ = in.Close(), out.Close()
		return nil, "", err
	}
	p.in, p.out = in, bufio.NewReader(out)
	if announced, err = p.Line(); err != nil {
		p.End()
		return nil, "", fmt.Errorf("part %s did not start: %w", strings.Join(args, " "), err)
	}
	return p, announced, nil
}

// Announce is called by a part when it is ready: it says so, with its address or whatever
// else is to be known, and returns when the part is to end.
func Announce(what string) {
	fmt.Println(what)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// Line returns the next line that a part has printed.
func (p *Process) Line() (string, error) {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("reading what a part says: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// End has the process end, and returns when it has, with the processor time it took.
func (p *Process) End() time.Duration {
	if p.in != nil {
		_ = p.in.Close()
	} else {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	return p.wait()
}

// Kill is End for a process that would take its time.
func (p *Process) Kill() time.Duration {
	_ = p.cmd.Process.Kill()
	return p.wait()
}

func (p *Process) wait() time.Duration {
	<-p.exited
	if p.cmd.ProcessState == nil {
		return 0
	}
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// CPU returns the processor time that a running process has taken so far.
func CPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading processor time: %w", err)
	}
	// Behind the name in brackets: user and system time, in hundredths of a second.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading processor time: %q", stat)
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading processor time: %w", err)
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading processor time: %w", err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// Resident returns the resident memory of a running process, in bytes.
func Resident(pid int) (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("reading memory: %w", err)
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0, fmt.Errorf("reading memory: %q", statm)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading memory: %w", err)
	}
	return pages * int64(os.Getpagesize()), nil
}
