package filesystem

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// attempts bounds how often a Put makes a folder that a Delete takes away. One is
// over in microseconds, and a Delete that does nothing else wins a dozen in a row.
const attempts = 1000

// Put stores a JPEG. A key that is taken is an error, and so is a root in whose place
// another folder lies.
func (s *Storage) Put(ctx context.Context, key string, jpeg []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("storing %q: %w", key, err)
		}
	}()
	if !valid(key) {
		return fs.ErrInvalid
	}
	if err := s.inPlace(); err != nil {
		return err
	}
	temp, err := s.writeTemporary(ctx, path.Dir(key), jpeg)
	if err != nil {
		return err
	}
	// Should that fail, RemoveLeftovers finds it.
	defer func() { _ = s.root.Remove(temp) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.publish(temp, key); err != nil {
		return err
	}
	if err := s.syncFolders(path.Dir(key)); err != nil {
		return err
	}
	// What is said to be stored is what is there now: some file systems over a network
	// find out late.
	stat, err := s.root.Lstat(key)
	if err == nil && stat.Size() != int64(len(jpeg)) {
		err = fmt.Errorf("%d bytes are there of %d: %w", stat.Size(), len(jpeg), io.ErrShortWrite)
	}
	return err
}

// writeTemporary writes and flushes a temporary file in folder. On an error
// nothing is left.
func (s *Storage) writeTemporary(ctx context.Context, folder string, jpeg []byte) (temp string, err error) {
	temp = path.Join(folder, temporaryPrefix+rand.Text())
	var file *os.File
	for range attempts {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		// A Delete may find the folder empty while it is made, which looks as if it
		// were there and were not, or right after. Once the temporary file is in
		// it, it stays.
		if err := s.root.MkdirAll(folder, s.folder); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		file, err = s.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, s.file)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	_, err = file.Write(jpeg)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, s.root.Remove(temp))
	}
	return temp, nil
}

// publish gives a file its key as well. A link, unlike a rename, fails where the
// key is taken; on file systems without links the key is looked for first, which
// is enough as nobody uses a key twice.
func (s *Storage) publish(temp, key string) error {
	err := s.root.Link(temp, key)
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if _, err := s.root.Lstat(key); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	return s.root.Rename(temp, key)
}

// syncFolders flushes a folder and those above it, any of which may be new. A
// flush of one that is not costs next to nothing.
func (s *Storage) syncFolders(folder string) error {
	for ; ; folder = path.Dir(folder) {
		file, err := s.root.Open(folder)
		if err != nil {
			return err
		}
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			return err
		}
		if folder == "." {
			return nil
		}
	}
}

// Delete removes a file, and its capture's folder once that is empty.
func (s *Storage) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("deleting %q: %w", key, err)
	}
	if !valid(key) {
		return nil // no such file
	}
	// Not whatever lies there: Remove would take away an empty folder, too.
	if stat, err := s.root.Lstat(key); err == nil && stat.IsDir() {
		return nil
	}
	if err := s.root.Remove(key); err != nil && !errors.Is(missing(err), thumb.ErrFileMissing) {
		return fmt.Errorf("deleting %q: %w", key, err)
	}
	if folder := path.Dir(key); strings.HasPrefix(path.Base(folder), "capture_") {
		// The kernel refuses where a file is in it; a Put that comes in between
		// makes the folder anew.
		_ = s.root.Remove(folder)
	}
	return nil
}
