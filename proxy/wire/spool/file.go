package spool

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// fileKind is what a file system keeps its files in.
type fileKind uint8

const (
	diskFiles fileKind = iota
	memoryFiles
)

// errNotFree: a file system is nearly full.
var errNotFree = errors.New("a tenth of the file system is to stay free")

// openUnlinked makes a file and takes its name away, where a file without one cannot
// be made at once.
func openUnlinked(dir string) (*os.File, error) {
	path := filepath.Join(dir, leftover+rand.Text())
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
