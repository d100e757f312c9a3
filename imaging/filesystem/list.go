package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/imaging"
)

// List calls each for the files under prefix that sort after the key after, in
// the bytewise order of whole keys. Files that go meanwhile are left out. It
// holds the names in one folder at each level in memory.
func (s *Storage) List(ctx context.Context, prefix, after string, each func(imaging.File) error) error {
	w := walk{ctx: ctx, prefix: prefix, after: after, visit: func(key string, stat fs.FileInfo) error {
		if temporary(path.Base(key)) {
			return nil
		}
		return each(imaging.File{Key: key, Size: stat.Size(), Modified: stat.ModTime()})
	}}
	return s.walk(&w)
}

// RemoveLeftovers removes the temporary files under prefix that were last written
// to before a moment, and returns how many. A crash leaves them; a Put is over
// within seconds.
func (s *Storage) RemoveLeftovers(ctx context.Context, prefix string, before time.Time) (removed int, err error) {
	w := walk{ctx: ctx, prefix: prefix, visit: func(key string, stat fs.FileInfo) error {
		if !temporary(path.Base(key)) || strings.HasSuffix(key, imaging.SiteFile) || !stat.ModTime().Before(before) {
			return nil
		}
		err := s.root.Remove(key)
		if err == nil {
			removed++
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	}}
	return removed, s.walk(&w)
}

// walk is a walk over the regular files whose keys begin with prefix and sort
// after the key after.
type walk struct {
	ctx           context.Context
	prefix, after string
	visit         func(key string, stat fs.FileInfo) error
}

func (s *Storage) walk(w *walk) error {
	// Straight to the folder that the prefix names: what lies beside is not ours,
	// and may be large.
	folder := strings.TrimSuffix(w.prefix[:strings.LastIndexByte(w.prefix, '/')+1], "/")
	if folder != "" && !fs.ValidPath(folder) {
		return nil // no key has such a prefix
	}
	return s.walkFolder(w, folder)
}

func (s *Storage) walkFolder(w *walk, folder string) error {
	base := ""
	if folder != "" {
		base = folder + "/"
	}
	names, err := s.names(w, base)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.ctx.Err(); err != nil {
			return fmt.Errorf("listing %q: %w", w.prefix, err)
		}
		key := base + name
		if below, isFolder := strings.CutSuffix(key, "/"); isFolder {
			err = s.walkFolder(w, below)
		} else if stat, statErr := s.root.Lstat(key); statErr == nil && stat.Mode().IsRegular() {
			err = w.visit(key, stat)
		} else if statErr != nil && !errors.Is(statErr, fs.ErrNotExist) {
			err = statErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// names returns what a walk has to look at in the folder base, in the order of
// whole keys: folders with their slash, which sorts after '-' and '.'.
func (s *Storage) names(w *walk, base string) ([]string, error) {
	dir, err := s.root.Open(path.Clean("./" + base))
	if errors.Is(err, fs.ErrNotExist) && base != "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %q: %w", base, err)
	}
	defer dir.Close()
	var names []string
	for {
		// In portions, of which only the names are kept.
		entries, err := dir.ReadDir(1024)
		for _, entry := range entries {
			name := entry.Name()
			if entry.IsDir() {
				name += "/"
			}
			if w.leadsOn(base + name) {
				names = append(names, name)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("listing %q: %w", base, err)
		}
	}
	slices.Sort(names)
	return names, nil
}

// leadsOn says whether a file's key, or any that begins with a folder's, is one
// that the walk looks for.
func (w *walk) leadsOn(key string) bool {
	if strings.HasSuffix(key, "/") {
		return (strings.HasPrefix(key, w.prefix) || strings.HasPrefix(w.prefix, key)) &&
			(key > w.after || strings.HasPrefix(w.after, key))
	}
	return strings.HasPrefix(key, w.prefix) && key > w.after
}
