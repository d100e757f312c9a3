package explain

import (
	"context"
	"errors"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// rememberedOf is what remembers failures of such a capture; nil: nothing does.
func (d *Deps) rememberedOf(c *thumb.Capture) func(thumb.ID) (imaging.Remembered, bool) {
	if c.Draft && d.Private != nil {
		return d.Private.Remembered
	}
	return d.Remembered
}

// fileOf says whether a draft's file is there.
func (d *Deps) fileOf(ctx context.Context, path string) string {
	if d.Private == nil {
		return "not known: storage.private is not configured"
	}
	there, err := d.Private.Exists(ctx, path)
	switch {
	case err != nil:
		return "not known: private storage does not answer"
	case there:
		return "there"
	}
	return "missing"
}

// draftAnswer says what a request for a draft's label would be answered now: without a
// signature, and with a valid one, which a member's page shows.
func (d *Deps) draftAnswer(row *Row, verdict thumb.Verdict, failed error) string {
	const app = "the app's"
	switch {
	case d.Private == nil || !d.Private.Signs:
		return app + ": nothing is signed (signing.keys)"
	case verdict == thumb.Warm && d.Private.URLs == nil && row.File == "missing":
		return app + "; signed: 503, until reconcile --apply has removed the row"
	case verdict == thumb.Warm && d.Private.URLs == nil:
		return app + "; signed: 200 with the file"
	case verdict == thumb.Warm:
		urls := d.Private.URLs()
		answer := app + "; signed: 302 to " + bare(urls.Of(row.Path))
		if row.File == "missing" {
			answer += ", where nothing is until reconcile --apply has removed the row"
		}
		return answer
	case failed == nil:
		return app + "; signed: the file, once it is rendered"
	}
	const null = ", and a member's page keeps its null"
	if errors.Is(failed, thumb.ErrOriginalForApp) || errors.Is(failed, thumb.ErrOriginalUnusable) {
		return app + "; signed: 422" + null
	}
	return app + "; signed: 503" + null
}
