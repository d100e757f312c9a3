// Package filesystem keeps thumbnails in a folder of this machine, or of a volume
// that all replicas share.
//
// A file appears under its key whole or not at all: it is written under a
// temporary name in the same folder, flushed, and then given its own. A crash
// leaves a temporary file at most, which is neither listed nor served, and which
// RemoveLeftovers finds. No key, symbolic link or race leads outside the root
// (os.Root).
package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Storage keeps thumbnails in a folder. Its methods may be called from many
// goroutines, and several processes may share the folder. A context is looked at
// between the steps of an operation; the kernel's own waits cannot be ended.
type Storage struct {
	root    *os.Root
	urlPath string // "": files have no URL
	folder  fs.FileMode
	file    fs.FileMode
}

var _ imaging.Storage = (*Storage)(nil)

// New opens the folder that cfg describes.
func New(cfg Config) (*Storage, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(cfg.Root)
	if err != nil {
		return nil, fmt.Errorf("storage.root: %w", err)
	}
	s := &Storage{root: root, urlPath: cfg.URLPath, folder: 0o755, file: 0o644}
	if cfg.Private {
		s.urlPath, s.folder, s.file = "", 0o700, 0o600
	}
	return s, nil
}

// Close lets go of the folder. Files that are open stay so.
func (s *Storage) Close() error { return s.root.Close() }

// StorageURLs says how storage URLs are written: they begin with a slash and never expire.
// A private file has none.
func (s *Storage) StorageURLs() thumb.StorageURLs {
	return thumb.StorageURLs{Base: s.urlPath, None: s.urlPath == ""}
}

// File is an open file. ReadAt may be called from many goroutines.
type File struct {
	file *os.File
	size int64
	time time.Time
}

// ReadAt reads from a position.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.file.ReadAt(p, off) }

// Read reads on.
func (f *File) Read(p []byte) (int, error) { return f.file.Read(p) }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Size returns the length in bytes as it was when the file was opened.
func (f *File) Size() int64 { return f.size }

// Modified returns when the file was stored.
func (f *File) Modified() time.Time { return f.time }

// OpenFile opens the file under key. What is not a stored file (a folder, a
// temporary file, a device, a key that is not one) is thumb.ErrFileMissing.
func (s *Storage) OpenFile(key string) (*File, error) {
	f, err := s.open(key)
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", key, err)
	}
	return f, nil
}

func (s *Storage) open(key string) (*File, error) {
	if !valid(key) {
		return nil, thumb.ErrFileMissing
	}
	// Without O_NONBLOCK, opening a named pipe waits for its writer.
	file, err := s.root.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, missing(err)
	}
	stat, err := file.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = thumb.ErrFileMissing
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &File{file: file, size: stat.Size(), time: stat.ModTime()}, nil
}

// Open opens a file for reading.
func (s *Storage) Open(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, fmt.Errorf("opening %q: %w", key, err)
	}
	f, err := s.OpenFile(key)
	if err != nil {
		return nil, 0, err
	}
	return f, f.size, nil
}

// Exists says whether a file is there. A root that is gone, or in whose place another
// folder lies, is an error, not a missing file.
func (s *Storage) Exists(ctx context.Context, key string) (bool, error) {
	f, _, err := s.Open(ctx, key)
	switch {
	case err == nil:
		return true, f.Close()
	case !errors.Is(err, thumb.ErrFileMissing):
		return false, err
	}
	if err := s.inPlace(); err != nil {
		return false, fmt.Errorf("looking for %q: %w", key, err)
	}
	return false, nil
}

// inPlace fails where the root's path no longer leads to the folder that was opened:
// a volume was unmounted or replaced, and what is stored now, nobody else would see.
func (s *Storage) inPlace() error {
	opened, err := s.root.Stat(".")
	if err != nil {
		return err
	}
	there, err := os.Stat(s.root.Name())
	if err != nil {
		return fmt.Errorf("storage.root: %w", err)
	}
	if !os.SameFile(opened, there) {
		return fmt.Errorf("storage.root: %s is another folder than at the start; mount that one again, or restart", s.root.Name())
	}
	return nil
}

// missing marks errors which say that there is no such file.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
		return fmt.Errorf("%w (%w)", thumb.ErrFileMissing, err)
	}
	return err
}

const temporaryPrefix = ".thumbedge-"

// valid says whether key is that of a file: a relative path, written in the one
// way there is, and not a temporary file's.
func valid(key string) bool {
	return fs.ValidPath(key) && key != "." && !strings.ContainsRune(key, 0) && !temporary(path.Base(key))
}

// temporary says whether a file's name is that of one being written. That of the
// site's identity counts as one, so that nothing but Site and SetSite comes by it.
func temporary(name string) bool {
	return strings.HasPrefix(name, temporaryPrefix) || strings.HasSuffix(name, imaging.SiteFile)
}
