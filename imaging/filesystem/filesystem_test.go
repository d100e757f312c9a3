package filesystem_test

import (
	"net/http"
	"net/http/httptest"
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
