// Package child starts processes that end when this one does, however it ends: the
// demo's PostgreSQL, and the servers that tests and benchmarks start.
//
// Linux and FreeBSD kill such a child by themselves, also after SIGKILL of the
// parent. Elsewhere a child ends only when its owner ends it.
package child

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts cmd in a process group of its own and closes exited when it is over.
// When this process ends first, the child gets signal where the system offers that.
// Start keeps what cmd.SysProcAttr says already, such as another user.
//
// The process is started on a thread that lives as long as it does, since Linux
// sends the signal when the *thread* that started a child ends.
func Start(cmd *exec.Cmd, signal syscall.Signal, exited chan<- struct{}) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr, signal)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(exited)
		}
	}()
	return <-started
}
