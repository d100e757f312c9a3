package filesystem_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/thumbedge/thumbedge/imaging"
)

const inMounts = "THUMBEDGE_TEST_MOUNTS"

// TestFullFileSystem stores into a small file system until it is full, of bytes or of files: a
// Put that fails leaves nothing, what was stored before is whole, and with room again all
// is as before.
func TestFullFileSystem(t *testing.T) {
	if os.Getenv(inMounts) == "" {
		// In a process that may mount what it likes, root or not.
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullFileSystem$", "-test.count=1", "-test.v")
		cmd.Env = append(os.Environ(), inMounts+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		if os.Geteuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		}
		if output, err := cmd.CombinedOutput(); err != nil || strings.Count(string(output), "--- PASS: TestFullFileSystem/") != 2 {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string]string{"of bytes": "size=1m", "of files": "nr_inodes=40"} {
		t.Run(name, func(t *testing.T) { fill(t, options) })
	}
}

func fill(t *testing.T, options string) {
	root := t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(root, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	s := open(t, root)
	key := func(i int) string { return fmt.Sprintf("thumbnails/capture_%d/small_%016x.jpg", i, i) }
	picture := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 90_001) } // no multiple of a page
	stored := 0
	var err error
	for ; stored < 1000; stored++ {
		if err = s.Put(t.Context(), key(stored), picture(stored)); err != nil {
			break
		}
	}
	if !errors.Is(err, unix.ENOSPC) || stored == 0 {
		t.Fatalf("%d files were stored, then: %v", stored, err)
	}
	for range 3 { // it goes on failing, and nothing piles up
		if err := s.Put(t.Context(), key(stored), picture(stored)); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("full, and: %v", err)
		}
	}
	if there, err := s.Exists(t.Context(), key(stored)); there || err != nil {
		t.Errorf("the file that did not fit exists: %t, %v", there, err)
	}
	if found := files(t, root); len(found) != stored {
		t.Errorf("%d files are there, want %d: %q", len(found), stored, found)
	}
	listed := 0
	if err := s.List(t.Context(), "", "", func(f imaging.File) error {
		listed++
		body, size, err := s.Open(t.Context(), f.Key)
		if err != nil {
			return err
		}
		defer body.Close()
		if held, err := io.ReadAll(body); err != nil || size != 90_001 || len(held) != 90_001 || bytes.Count(held, held[:1]) != 90_001 {
			t.Errorf("%s holds %d bytes of %d: %v", f.Key, len(held), size, err)
		}
		return nil
	}); err != nil || listed != stored {
		t.Errorf("%d files are listed, want %d: %v", listed, stored, err)
	}
	if err := errors.Join(s.Delete(t.Context(), key(0)), s.Delete(t.Context(), key(1))); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), key(stored), picture(stored)); err != nil {
		t.Errorf("there is room again, and: %v", err)
	}
}
