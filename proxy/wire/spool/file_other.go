//go:build !linux

package spool

import (
	"errors"
	"os"
)

// openNameless makes no file here: one is made and unlinked instead.
func openNameless(string) (*os.File, error) { return nil, errors.ErrUnsupported }

// examine does not know file systems here; a write to one that is full fails.
func examine(*os.File) (fileKind, error) { return diskFiles, nil }
