package spool

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openNameless makes a file that has never had a name. File systems that cannot do
// that answer with errors.ErrUnsupported.
func openNameless(dir string) (*os.File, error) {
	// O_EXCL: nor can it get one later.
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	switch err {
	case nil:
		return os.NewFile(uintptr(fd), filepath.Join(dir, "spooled body")), nil
	case unix.EISDIR, unix.EINVAL, unix.EOPNOTSUPP: // the first is a kernel's that does not know O_TMPFILE
		err = errors.Join(errors.ErrUnsupported, err)
	}
	return nil, &os.PathError{Op: "open", Path: dir, Err: err}
}

// examine says what a file's file system is, and errNotFree where no more than a tenth
// of it is free for this process.
func examine(f *os.File) (kind fileKind, err error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return diskFiles, nil // a write will tell
	}
	if fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC {
		kind = memoryFiles
	}
	if fs.Bavail <= fs.Blocks/10 {
		err = errNotFree
	}
	return kind, err
}
