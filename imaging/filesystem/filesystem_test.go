package filesystem_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/imaging/storagetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storagetest.Subject {
		root := t.TempDir()
		site := httptest.NewServer(http.StripPrefix("/media", http.FileServer(http.Dir(root))))
		t.Cleanup(site.Close)
		return storagetest.Subject{Storage: open(t, root), Site: site.URL}
	})
}

func TestConformanceOfPrivateStorage(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storagetest.Subject {
		return storagetest.Subject{Storage: openPrivate(t, t.TempDir()), Site: storagetest.NoURLs, Private: true}
	})
}

// Nobody but the user that serves reads private files, though the folder lets everybody in.
func TestPrivateFilesAreTheUsersAlone(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := openPrivate(t, root)
	if err := s.Put(t.Context(), "thumbnails/capture_1/a.jpg", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSite(t.Context(), "thumbnails/", "identity"); err != nil {
		t.Fatal(err)
	}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if stat, err := d.Info(); err != nil || path != "." && stat.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", path, stat.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func openPrivate(t *testing.T, root string) *filesystem.Storage {
	t.Helper()
	s, err := filesystem.New(filesystem.Config{Root: root, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func open(t *testing.T, root string) *filesystem.Storage {
	t.Helper()
	cfg := filesystem.Defaults()
	cfg.Root = root
	s, err := filesystem.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
