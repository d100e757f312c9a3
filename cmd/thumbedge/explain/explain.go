// Package explain says of one capture what is known of it, and what a request for each of
// its labels would be answered now, and why: for who looks at a gallery with a broken
// image in it. The admin listener answers so (/explain/<id>), and so does the command
// line. It asks the database past the warm set, and of a draft's files whether they are
// there; it renders and fetches nothing.
package explain

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Database is what is asked of it. resolver/postgres implements it.
type Database interface {
	Original(ctx context.Context, id thumb.ID) (thumb.Work, error)
}

// Deps are what an explanation is made of.
type Deps struct {
	Database Database
	URLs     func() thumb.StorageURLs // of stored files
	Specs    thumb.Specs
	// Remembered says what this process remembers of a capture that failed; nil: this
	// process serves nobody, and knows of no failure.
	Remembered func(id thumb.ID) (imaging.Remembered, bool)
	Private    *Private // nil: there is no private storage
	// LastFailure returns why this process last failed to make a label. It may be nil.
	LastFailure func(id thumb.ID, label string) (imaging.Failed, bool)
}

// Private is where the thumbnails of drafts are.
type Private struct {
	// Exists says whether a file is there.
	Exists func(ctx context.Context, key string) (bool, error)
	URLs   func() thumb.StorageURLs // as Deps'; nil: the proxy serves the files itself
	// Remembered is that of Deps, of drafts.
	Remembered func(id thumb.ID) (imaging.Remembered, bool)
	Signs      bool // there are keys
}

// Capture is the explanation of one.
type Capture struct {
	ID       thumb.ID   `json:"id"`
	Standing string     `json:"standing"`           // "public", "draft", "private" or "missing"
	Modified *time.Time `json:"last_modified"`      // of the original; null: the app does not know
	Original string     `json:"original,omitempty"` // where it lies, without signature or password
	Labels   []Label    `json:"labels"`
	Failures string     `json:"failures"` // whose memory they are from
}

// Label is what is known of one label, and what a request for it would be answered.
type Label struct {
	Label   string `json:"label"`
	Width   int    `json:"width"`
	Verdict string `json:"verdict"` // "warm", "cold" or "stale"
	Why     string `json:"why"`
	Row     *Row   `json:"row"`          // null: there is none
	Failure string `json:"failure"`      // remembered; "": none
	Last    *Last  `json:"last_failure"` // null: none that is known still
	Answer  string `json:"answer"`
}

// Last is the last failure to make a label, whether or not it is tried again by now.
type Last struct {
	At    time.Time `json:"at"`
	Cause string    `json:"cause"`
	Why   string    `json:"why"`
}

// Row is the thumbnail row.
type Row struct {
	Path     string     `json:"path"`
	Width    int        `json:"width"`
	Modified *time.Time `json:"last_modified"`
	File     string     `json:"file,omitempty"` // of a draft's: "there", "missing", or why that is not known
}

// Explain asks the database, and says what there is to say. An error is the database's.
func Explain(ctx context.Context, deps Deps, id thumb.ID) (*Capture, error) {
	e := &Capture{ID: id, Failures: "of this process", Labels: []Label{}}
	work, err := deps.Database.Original(ctx, id)
	switch {
	case errors.Is(err, thumb.ErrUnknownCapture):
		e.Standing = "missing"
		return e, nil
	case err != nil:
		return nil, fmt.Errorf("reading capture %d: %w", id, err)
	}
	capture := &work.Capture
	e.Standing = standing(capture)
	e.Modified, e.Original = moment(capture.LastModified), place(work.Original)
	var remembered imaging.Remembered
	if remember := deps.rememberedOf(capture); remember == nil {
		e.Failures = "not known: no thumbedge serves here"
	} else {
		remembered, _ = remember(id)
	}
	for i, spec := range deps.Specs {
		l := Label{Label: spec.Label, Width: spec.Width}
		row := capture.Row(spec.Label)
		verdict := thumb.Judge(row, spec, capture.LastModified)
		l.Verdict, l.Why = verdict.String(), why(row, spec, verdict)
		if row != nil {
			l.Row = &Row{Path: row.Path, Width: row.Width, Modified: moment(row.LastModified)}
			if capture.Draft {
				l.Row.File = deps.fileOf(ctx, row.Path)
			}
		}
		if failed := remembered.Errs[i]; failed != nil {
			l.Failure = failed.Error()
			if remembered.Until.IsZero() {
				l.Failure += " (until the capture changes)"
			} else {
				l.Failure += " (until " + remembered.Until.UTC().Format(time.RFC3339) + ")"
			}
		}
		if deps.LastFailure != nil {
			if f, known := deps.LastFailure(id, spec.Label); known {
				l.Last = &Last{f.At.UTC(), string(f.Cause), f.Why}
			}
		}
		if capture.Draft {
			l.Answer = deps.draftAnswer(l.Row, verdict, remembered.Errs[i])
		} else {
			l.Answer = answer(deps, capture, row, spec, verdict, remembered.Errs[i])
		}
		e.Labels = append(e.Labels, l)
	}
	return e, nil
}

func standing(c *thumb.Capture) string {
	switch {
	case c.Public:
		return "public"
	case c.Draft:
		return "draft"
	}
	return "private"
}

// why says what a verdict comes from.
func why(row *thumb.Row, spec thumb.Spec, verdict thumb.Verdict) string {
	switch {
	case verdict == thumb.Warm:
		return "the row names a file, and is not older than the original"
	case row == nil:
		return "there is no row"
	case strings.TrimSpace(row.Path) == "":
		return "the row names no file"
	case row.Width != spec.Width:
		return fmt.Sprintf("the row's width is %d, and the label's %d", row.Width, spec.Width)
	}
	return "the original has changed since"
}

// answer says what a request for a label would be answered now.
func answer(deps Deps, c *thumb.Capture, row *thumb.Row, spec thumb.Spec, verdict thumb.Verdict, failed error) string {
	switch {
	case !c.Public:
		return "the app's: it is not public"
	case verdict == thumb.Warm:
		if urls := deps.URLs(); !urls.None {
			return "302 to " + bare(urls.Of(row.Path))
		}
		return "the app's: the storage has no URL for the file"
	case failed == nil:
		return "302, once it is rendered"
	}
	instead := "a wider label that is warm, or "
	if spec.FallbackOriginal && !errors.Is(failed, thumb.ErrUnshowable) {
		instead += "the original, or "
	}
	switch {
	case errors.Is(failed, thumb.ErrOriginalForApp):
		return "the app's: only it may be able to render this"
	case errors.Is(failed, thumb.ErrOriginalUnavailable):
		return instead + "502"
	case errors.Is(failed, thumb.ErrOriginalUnusable):
		return instead + "422"
	}
	return instead + "503"
}

// place says where an original lies, without what is secret.
func place(o thumb.Original) string {
	if b := o.Bucket; b != nil {
		return "s3://" + path.Join(b.Name, o.Path)
	}
	if o.Path == "" || o.PublicBaseURL == "" {
		return ""
	}
	return bare(strings.TrimSuffix(o.PublicBaseURL, "/") + "/" + strings.TrimPrefix(o.Path, "/"))
}

// bare is a URL without signature or password.
func bare(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
