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
	if err := r.pace.wait(ctx); err != nil {
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
	var unnamed []imaging.File
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
			unnamed = append(unnamed, f)
		}
	}
	if len(unnamed) == portion && sum.FilesNamed == 0 && r.Apply && !r.cfg.Force {
		return errors.New("no row names one of the first files: is the database the app's (database.url, storage.prefix)? --force goes on")
	}
	deleted, err := filter(ctx, unnamed, r.deleteFile)
	if err != nil {
		return err
	}
	for _, f := range deleted {
		sum.FilesDeleted++
		sum.BytesDeleted += f.Size
	}
	r.Summary = sum
	return nil
}

// old says whether a file is past the grace.
func (r *run) old(f imaging.File) bool { return time.Since(f.Modified) >= r.cfg.Grace }

// deleteFile deletes a file that no row names, after a second look: first at its
// age, because the app may have written it anew under the same key, then at the
// rows, because a row may have come meanwhile.
func (r *run) deleteFile(ctx context.Context, f imaging.File) (bool, error) {
	if !r.Apply {
		return false, nil
	}
	// Both waits are over before the looks, which so come right before the deletion.
	for range 2 {
		if err := r.pace.wait(ctx); err != nil {
			return false, err
		}
	}
	still := false
	err := r.storage.List(ctx, f.Key, "", func(again imaging.File) error {
		still = again.Key == f.Key && r.old(again)
		return errFirst // the key itself sorts before all that begin with it
	})
	if err != nil && !errors.Is(err, errFirst) {
		return false, err
	}
	if !still {
		return false, nil
	}
	if named, err := r.db.Named(ctx, []string{f.Key}); err != nil || named[f.Key] {
		return false, err
	}
	err = r.storage.Delete(ctx, f.Key)
	return err == nil, err
}

// errFirst ends a listing after its first file.
var errFirst = errors.New("first file")
