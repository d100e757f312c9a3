package program

import (
	"context"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/explain"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// explain says what is known of a capture, and what failed here.
func (p *Program) explain(ctx context.Context, id thumb.ID) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return explain.Explain(ctx, explain.Deps{
		Database: p.store, URLs: p.storage.StorageURLs, Specs: p.File().Thumbnails, Remembered: p.renderer.Remembered,
	}, id)
}

// shownFailures is how many failures the status page lists.
const shownFailures = 20

// lastFailures are the captures that failed last, with the first of their causes.
func (p *Program) lastFailures() []admin.Failure {
	failures := []admin.Failure{}
	for _, known := range p.renderer.LastFailures(shownFailures) {
		f := admin.Failure{ID: int64(known.ID)}
		for _, err := range known.Errs {
			if err != nil {
				f.Cause = err.Error()
				break
			}
		}
		if f.Cause == "" && known.Unkept {
			f.Cause = "storage did not take the picture"
		}
		if f.Cause != "" {
			failures = append(failures, f)
		}
	}
	return failures
}
