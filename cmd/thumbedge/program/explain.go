package program

import (
	"context"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/explain"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// explain says what is known of a capture, and what failed here.
func (p *Program) explain(ctx context.Context, id thumb.ID) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	private := ExplainedPrivate(p.File(), p.private.storage)
	if private != nil {
		private.Remembered = p.renderer.RememberedDraft
	}
	return explain.Explain(ctx, explain.Deps{
		Database: p.store, URLs: p.storage.StorageURLs, Specs: p.File().Thumbnails, Remembered: p.renderer.Remembered, Private: private,
	}, id)
}

// ExplainedPrivate is what an explanation needs of private storage; nil: there is none.
func ExplainedPrivate(file *config.File, storage Storage) *explain.Private {
	if storage == nil {
		return nil
	}
	private := &explain.Private{Exists: storage.Exists, Signs: file.Signing.Enabled()}
	if file.Storage.Private.Driver == config.DriverS3 {
		private.URLs = storage.StorageURLs
	}
	return private
}

// shownFailures is how many failures the status page lists.
const shownFailures = 20

// lastFailures are the captures that failed last, each with its first cause.
func (p *Program) lastFailures() admin.Failures {
	failures := admin.Failures{}
	for _, known := range p.renderer.LastFailures(shownFailures) {
		f := admin.Failure{ID: known.ID}
		for i, err := range known.Errs {
			if err != nil {
				f.Label, f.Why = p.File().Thumbnails[i].Label, err.Error()
				break
			}
		}
		if f.Why == "" && known.Unkept {
			f.Why = "storage did not take the picture"
		}
		if f.Why != "" {
			failures = append(failures, f)
		}
	}
	return failures
}
