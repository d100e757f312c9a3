package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/thumbedge/thumbedge/imaging"
)

// files walks over all files in captures' folders.
func (r *run) files(ctx context.Context) error {
	// There are about as many files as rows.
	tell := func() { r.tell(Progress{Phase: PhaseFiles, Done: r.Summary.Files, Total: r.total}) }
	tell()
	listed := make([]imaging.File, 0, portion)
	look := func() error {
		if len(listed) == 0 {
			return nil
		}
		if err := r.filePortion(ctx, listed); err != nil {
			return err
		}
		r.AfterFile = listed[len(listed)-1].Key
		listed = listed[:0]
		if err := r.save(ctx); err != nil {
			return err
		}
		tell()
		return nil
	}
	err := r.storage.List(ctx, string(r.cfg.Keys)+"capture_", r.AfterFile, func(f imaging.File) error {
		if listed = append(listed, f); len(listed) < portion {
			return nil
		}
		return look()
	})
	if err != nil {
		return err
	}
	return look()
}

// filePortion looks at some files. As with rows, it counts when all is done.
func (r *run) filePortion(ctx context.Context, listed []imaging.File) error {
	sum := r.Summary
	paths := make([]string, len(listed))
	for i, f := range listed {
		paths[i] = f.Key
	}
	if err := r.pace.Wait(ctx); err != nil {
		return err
	}
	named, err := r.db.Named(ctx, paths)
	if err != nil {
		return err
	}
	recorded, err := r.db.Recorded(ctx, paths)
	if err != nil {
		return err
	}
	var unnamed []candidate
	for _, f := range listed {
		sum.Files++
		switch {
		case named[f.Key]:
			sum.FilesNamed++
		case recorded[f.Key]:
			sum.FilesRecorded++
		case !r.old(f):
			sum.FilesYoung++
		default:
			sum.FilesUnnamed++
			sum.BytesUnnamed += f.Size
			unnamed = append(unnamed, candidate{Path: f.Key, Size: f.Size})
		}
	}
	if err := r.keep(ctx, &r.Unnamed, unnamed); err != nil {
		return err
	}
	r.Summary = sum
	return nil
}

// old says whether a file is past the grace.
func (r *run) old(f imaging.File) bool { return time.Since(f.Modified) >= r.cfg.Grace }

// deleteFiles deletes the files that no row names.
func (r *run) deleteFiles(ctx context.Context) error {
	return r.goThrough(ctx, &r.Unnamed, r.Summary.FilesUnnamed, r.deleteFile, func(c candidate) {
		r.Summary.FilesDeleted++
		r.Summary.BytesDeleted += c.Size
	})
}

// deleteFile deletes a file that no row names, after a second look: first at its
// age, because the app may have written it anew under the same key, then at the
// rows, because a row may have come meanwhile, and gone again.
func (r *run) deleteFile(ctx context.Context, c candidate) (bool, error) {
	// Both waits are over before the looks, which so come right before the deletion.
	for range 2 {
		if err := r.pace.Wait(ctx); err != nil {
			return false, err
		}
	}
	still := false
	err := r.storage.List(ctx, c.Path, "", func(again imaging.File) error {
		still = again.Key == c.Path && r.old(again)
		return errFirst // the key itself sorts before all that begin with it
	})
	if err != nil && !errors.Is(err, errFirst) {
		return false, err
	}
	if !still {
		return false, nil
	}
	path := []string{c.Path}
	if named, err := r.db.Named(ctx, path); err != nil || named[c.Path] {
		return false, err
	}
	if recorded, err := r.db.Recorded(ctx, path); err != nil || recorded[c.Path] {
		return false, err
	}
	err = r.storage.Delete(ctx, c.Path)
	return err == nil, err
}

// errFirst ends a listing after its first file.
var errFirst = errors.New("first file")
