package filesystem_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const key = "thumbnails/capture_1/small_00000000000000ab.jpg"

// files returns every file below root, temporary ones too.
func files(t *testing.T, root string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A volume that is unmounted, or another in its place, is noticed: nothing is stored
// where nobody looks, and no file counts as missing.
func TestAnotherFolderInPlace(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	root := filepath.Join(t.TempDir(), "media")
	aside := root + " aside"
	must(t, os.Mkdir(root, 0o755))
	s := open(t, root)
	for name, replace := range map[string]func() error{
		"gone":    func() error { return nil },
		"another": func() error { return os.Mkdir(root, 0o755) },
	} {
		must(t, os.Rename(root, aside))
		must(t, replace())
		if _, err := s.Exists(ctx, key); err == nil || !strings.Contains(err.Error(), "storage.root") {
			t.Errorf("%s: looking for a file: %v", name, err)
		}
		if err := s.Put(ctx, key, []byte("x")); err == nil || !strings.Contains(err.Error(), "storage.root") {
			t.Errorf("%s: storing one: %v", name, err)
		}
		if found := files(t, filepath.Dir(root)); len(found) > 0 {
			t.Errorf("%s: there are %v", name, found)
		}
		must(t, os.RemoveAll(root))
		must(t, os.Rename(aside, root))
	}
	if err := s.Put(ctx, key, []byte("x")); err != nil {
		t.Errorf("in its place again: %v", err)
	}
}

func TestAKeyIsUsedOnce(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	group, ctx := errgroup.WithContext(t.Context())
	errs := make(chan error, 8)
	for range cap(errs) {
		group.Go(func() error { errs <- s.Put(ctx, key, []byte("x")); return nil })
	}
	_ = group.Wait()
	stored := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			stored++
		} else if !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
	}
	if stored != 1 {
		t.Errorf("%d Puts of one key succeeded, want 1", stored)
	}
}

// The disk is full from some byte on: the test runs itself with a limit on the
// size of files, and looks at what a Put leaves.
func TestFullDisk(t *testing.T) {
	if root := os.Getenv("FULL_DISK_ROOT"); root != "" {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 5000, Max: 5000}); err != nil {
			t.Fatal(err)
		}
		if err := open(t, root).Put(t.Context(), key, make([]byte, 10000)); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("put: %v, want the kernel's error", err)
		}
		return
	}
	t.Parallel()
	root := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "FULL_DISK_ROOT="+root)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk") {
		t.Fatalf("%v: %s", err, out)
	}
	if found := files(t, root); len(found) > 0 {
		t.Errorf("left over: %q", found)
	}
}

// A crash leaves a temporary file: never shown, and found by its sweep once it is
// old enough not to be one that is being written.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	if err := s.Put(t.Context(), key, []byte("x")); err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(root, "thumbnails/capture_1/.thumbedge-ABC")
	if err := os.WriteFile(leftover, []byte("half a pic"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := s.List(t.Context(), "", "", func(f imaging.File) error {
		if f.Key != key {
			t.Errorf("listed: %q", f.Key)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := s.OpenFile("thumbnails/capture_1/.thumbedge-ABC"); !errors.Is(err, thumb.ErrFileMissing) {
		t.Errorf("opening it: %v", err)
	}
	for _, c := range []struct {
		age       time.Duration
		want, now int
	}{{time.Hour, 0, 2}, {-time.Hour, 1, 1}} {
		removed, err := s.RemoveLeftovers(t.Context(), "thumbnails/", time.Now().Add(-c.age))
		if err != nil || removed != c.want || len(files(t, root)) != c.now {
			t.Errorf("older than %v: removed %d, %v; there are %q", c.age, removed, err, files(t, root))
		}
	}
}

func TestNothingLeadsOutsideTheRoot(t *testing.T) {
	t.Parallel()
	outside, root := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, root)
	relative, err := filepath.Rel(root, outside)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"link/secret", relative + "/secret", outside + "/secret", "a/../link/secret", "./x", "a//b", "..", ".", "a\x00b", "pipe"} {
		if f, err := s.OpenFile(key); err == nil {
			t.Errorf("%q can be opened", key)
			f.Close()
		}
		if err := s.Put(t.Context(), key, []byte("x")); err == nil {
			t.Errorf("%q can be stored", key)
		}
		if key != "pipe" {
			_ = s.Delete(t.Context(), key)
		}
	}
	if found := files(t, outside); len(found) != 1 {
		t.Errorf("outside the root there are %q", found)
	}
	err = s.List(t.Context(), "", "", func(f imaging.File) error { t.Errorf("listed: %q", f.Key); return nil })
	if err != nil {
		t.Error(err)
	}
}

// A Delete takes an empty folder away under a Put, which makes it anew.
func TestFolderThatComesAndGoes(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	deletes, stop := context.WithCancel(t.Context())
	var pruning sync.WaitGroup
	pruning.Go(func() {
		for deletes.Err() == nil {
			// There is no such file, and that is the moment to look at its folder.
			if err := s.Delete(deletes, "thumbnails/capture_1/none.jpg"); err != nil && deletes.Err() == nil {
				t.Error(err)
			}
		}
	})
	group, ctx := errgroup.WithContext(t.Context())
	for worker := range uint64(2) {
		group.Go(func() error {
			for round := range uint64(150) {
				key := string(thumb.Keys("thumbnails/").Append(nil, 1, "small", worker<<32|round))
				if err := putAndDelete(ctx, s, key); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	stop()
	pruning.Wait()
	if err := s.Delete(t.Context(), "thumbnails/capture_1/none.jpg"); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Join(root, "thumbnails")); err != nil || len(entries) != 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}

func putAndDelete(ctx context.Context, s *filesystem.Storage, key string) error {
	if err := s.Put(ctx, key, []byte("x")); err != nil {
		return err
	}
	if there, err := s.Exists(ctx, key); err != nil || !there {
		return errors.Join(errors.New("stored, and gone: "+key), err)
	}
	return s.Delete(ctx, key)
}

func TestRootThatIsGoneIsNotAMissingFile(t *testing.T) {
	t.Parallel()
	cfg := filesystem.Defaults()
	cfg.Root = filepath.Join(t.TempDir(), "not mounted")
	if s, err := filesystem.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "storage.root: ") {
		t.Errorf("opened %v, %v", s, err)
	}
}

func TestConfigurationErrorsNameTheirKeys(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "media/", "/media", "//evil.example/", "/me dia/"} {
		err := filesystem.Config{URLPath: path}.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), "storage.root: ") || !strings.Contains(err.Error(), "\nstorage.url_path: ") {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestURLsAreAllocationFree(t *testing.T) {
	s, buf, known := open(t, t.TempDir()), make([]byte, 0, 256), thumb.Known{Paths: &[thumb.MaxSpecs]string{key}}
	if n := testing.AllocsPerRun(100, func() {
		urls := s.StorageURLs()
		urls.Append(buf, 7, &known, "small", 0)
	}); n != 0 {
		t.Errorf("%v allocations for a URL, want 0", n)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
