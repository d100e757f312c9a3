package filesystem

import (
	"errors"
	"fmt"

	"github.com/thumbedge/thumbedge/internal/disk"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Serving opens files for clients, who do not wait for a disk that stands still: they are
// told that it is busy.
type Serving struct {
	storage *Storage
	disk    *disk.Disk
}

// Serving returns what opens the storage's files for clients.
func (s *Storage) Serving() *Serving { return &Serving{s, disk.New()} }

// ServedFile is an open file of Serving. It is for one reader at a time.
type ServedFile struct {
	*File
	disk *disk.Disk
}

// OpenFile is the Storage's, as far as the disk answers.
func (v *Serving) OpenFile(key string) (*ServedFile, error) {
	var file *File
	err := v.disk.Ask(func() (err error) {
		file, err = v.storage.OpenFile(key)
		return err
	}, func() {
		if file != nil {
			_ = file.Close() // opened for nobody
		}
	})
	if err != nil {
		return nil, busy(err)
	}
	return &ServedFile{file, v.disk}, nil
}

// ReadAt reads from a position, as far as the disk answers. What comes too late is written
// to no memory of the caller's.
func (f *ServedFile) ReadAt(p []byte, off int64) (n int, err error) {
	n, err = f.disk.ReadAt(f.File, p, off)
	return n, busy(err)
}

// busy adds what an error of the disk's means to a client.
func busy(err error) error {
	if errors.Is(err, disk.ErrStandsStill) {
		return fmt.Errorf("%w: %w", thumb.ErrBusy, err)
	}
	return err
}
