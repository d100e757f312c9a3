package sampleapp

import (
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
)

// serveMedia answers /media/: originals and the app's own thumbnails.
func (a *App) serveMedia(w http.ResponseWriter, r *http.Request) {
	if !serveFile(w, r, a.media, strings.TrimPrefix(r.URL.Path, mediaPath)) {
		a.notFound(w, r)
	}
}

// serveFile answers with a file of root, and says whether there is one.
func serveFile(w http.ResponseWriter, r *http.Request, root *os.Root, name string) bool {
	file, err := root.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil || !stat.Mode().IsRegular() {
		return false
	}
	http.ServeContent(w, r, stat.Name(), stat.ModTime(), file)
	return true
}

// Originals is a server of originals apart from the app, as an object store is.
// It serves a folder and counts what is fetched.
type Originals struct {
	root    *os.Root
	mu      sync.Mutex
	fetched map[string]int
}

// OpenOriginals returns a server of the files in dir. The caller closes it.
func OpenOriginals(dir string) (*Originals, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Originals{root: root, fetched: map[string]int{}}, nil
}

// ServeHTTP answers with the file that the URL's path names.
func (o *Originals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	o.mu.Lock()
	o.fetched[name]++
	o.mu.Unlock()
	if !serveFile(w, r, o.root, name) {
		http.NotFound(w, r)
	}
}

// Fetched returns how often each path, without its leading slash, was asked for.
func (o *Originals) Fetched() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.fetched)
}

// Close lets go of the folder.
func (o *Originals) Close() error { return o.root.Close() }

// link makes a file known under a second name within the media folder, unless
// that is there.
func (a *App) link(from, name string) error {
	if _, err := a.media.Stat(name); err == nil {
		return nil
	}
	// from may lie outside the media folder, which os.Root would not follow.
	err := os.Link(from, a.media.Name()+"/"+name)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
