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
	view := p.renderer.View()
	private := ExplainedPrivate(p.File(), p.private.storage)
	if private != nil {
		private.Remembered = view.RememberedDraft
	}
	return explain.Explain(ctx, explain.Deps{
		Database: p.store, URLs: p.storage.StorageURLs, Specs: view.Specs(), Remembered: view.Remembered, Private: private,
		LastFailure: p.renderer.LastFailure,
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

// lastFailures are the labels that could not be made lately, for the status page.
func (p *Program) lastFailures() admin.Failures {
	failures := admin.Failures{}
	for _, f := range p.renderer.LastFailures() {
		failures = append(failures, admin.Failure{ID: f.ID, Label: f.Label, At: f.At, Cause: string(f.Cause), Why: f.Why})
	}
	return failures
}
