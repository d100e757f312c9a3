package imaging

import (
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Remembered is what is remembered of a capture whose thumbnails cannot be had, for
// who asks why.
type Remembered struct {
	ID    thumb.ID
	Errs  [thumb.MaxSpecs]error // by position; nil: not of that label
	Until time.Time             // that nothing is tried again; zero: until the capture changes
}

// Remembered returns what is remembered of a public capture; false where nothing is.
func (v *View) Remembered(id thumb.ID) (Remembered, bool) {
	return v.by.public.remembered(id)
}

// RememberedDraft returns what is remembered of a capture of a draft project.
func (v *View) RememberedDraft(id thumb.ID) (Remembered, bool) {
	if v.by.private == nil {
		return Remembered{}, false
	}
	return v.by.private.remembered(id)
}

func (f *failures) remembered(id thumb.ID) (Remembered, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	element := f.byID[id]
	if element == nil {
		return Remembered{}, false
	}
	return element.Value.(*failure).told(), true
}

func (known *failure) told() Remembered {
	told := Remembered{ID: known.id}
	if known.err != nil {
		for i := range told.Errs {
			if known.labels&labelAt(i) != 0 {
				told.Errs[i] = known.errorOf(i)
			}
		}
	}
	if known.version == nil {
		told.Until = known.until
	}
	return told
}
