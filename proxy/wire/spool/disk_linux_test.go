package spool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inMounts runs the calling test again, alone, in a process that may mount what it
// likes. It returns true there.
func inMounts(t *testing.T) bool {
	if os.Getenv("SPOOL_TEST_MOUNTS") == t.Name() {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "SPOOL_TEST_MOUNTS="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if output, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(output), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, output)
	}
	return false
}

func unmount(t *testing.T, dir string) {
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
}

// A file system that is full, or of which a tenth is not free, takes no more; what it
// took stays. Memory is used where it takes nothing at all.
func TestDiskFull(t *testing.T) {
	if !inMounts(t) {
		return
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatal(err)
	}
	defer unmount(t, dir)
	s := New(Config{Memory: 64 * kib, Disk: 1 << 30, Max: 1 << 30, Dir: dir})
	if notice := s.Notice(); !strings.Contains(notice, "tmpfs") {
		t.Errorf("of tmpfs it says %q", notice)
	}
	b := s.NewBody(true)
	source := pattern(8 << 20)
	n, err := b.Write(source[:3<<20]) // 3 MiB in small parts: the check comes at each MiB
	for err == nil && n < len(source) {
		var taken int
		taken, err = b.Write(source[n:min(n+16*kib, len(source))])
		n += taken
	}
	if !errors.Is(err, ErrDisk) || n < 3<<20 || n > 4<<20+64*kib {
		t.Fatalf("%d bytes were taken: %v", n, err)
	}
	for read := 0; read < n; {
		got, err := take(t, b, 1<<20)
		if err != nil || string(got) != string(source[read:read+len(got)]) {
			t.Fatalf("at %d of %d: %v, or other bytes", read, n, err)
		}
		read += len(got)
	}
	if err := os.WriteFile(filepath.Join(dir, "other"), source[:1<<20], 0o600); err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if notice := s.Notice(); notice == "" {
		t.Error("nothing is said of a full disk")
	}
	other := s.NewBody(true)
	if n, err := other.Write(source[:16*kib]); n != 16*kib || err != nil {
		t.Errorf("a small body: %d, %v", n, err)
	}
	b.Close()
	other.Close()
	empty(t, s)
}

// A root that is read only leaves memory, all of it to one body.
func TestReadOnly(t *testing.T) {
	if !inMounts(t) {
		return
	}
	dir := t.TempDir()
	for _, flags := range []uintptr{unix.MS_BIND, unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY} {
		if err := unix.Mount(dir, dir, "", flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	defer unmount(t, dir)
	s := New(Config{Memory: 1 << 20, Disk: 1 << 30, Max: 1 << 30, Dir: dir})
	if notice := s.Notice(); !strings.Contains(notice, "cannot be written") {
		t.Errorf("of a directory that is read only it says %q", notice)
	}
	b := s.NewBody(true)
	if n, err := b.Write(pattern(2 << 20)); n < 900*kib || n > 1<<20 || !errors.Is(err, ErrDisk) {
		t.Errorf("%d, %v", n, err)
	}
	b.Close()
	empty(t, s)
}

// A process that is killed leaves nothing on the disk.
func TestKilled(t *testing.T) {
	const name = "SPOOL_TEST_KILLED"
	if dir := os.Getenv(name); dir != "" {
		s := New(Config{Disk: 1 << 30, Max: 1 << 30, Dir: dir})
		n, err := s.NewBody(true).Write(pattern(1 << 20))
		fmt.Println(n, err, s.Disk())
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), name+"="+dir)
	output, err := cmd.CombinedOutput()
	if err == nil || string(output) != "1048576 <nil> 1048576\n" {
		t.Fatalf("%v: %s", err, output)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v are left", err, entries)
	}
}
