package imaging

import (
	"container/list"
	"errors"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	// maxRemembered is how many captures' failures are remembered, the youngest.
	maxRemembered = 1 << 16
	// maxKept is how many bytes of pictures that could not be stored are kept.
	maxKept = 16 << 20
	// maxKeptPrivate is the part of them that private pictures may be.
	maxKeptPrivate = 4 << 20
	// relook is how long an unusable original is believed to be so without asking
	// the database whether the capture has changed. A notification of a change is
	// heeded at once.
	relook = time.Minute
	// lastsUnasked is how long it is believed where nobody asks for it meanwhile.
	lastsUnasked = time.Hour
)

// version is what would have to differ for a capture's original to be another one.
type version struct {
	modified         int64 // nanoseconds; 0: null
	path, base       string
	bucket, endpoint string
}

func versionOf(w *thumb.Work) version {
	v := version{path: w.Original.Path, base: w.Original.PublicBaseURL}
	if !w.Capture.LastModified.IsZero() {
		v.modified = w.Capture.LastModified.UnixNano()
	}
	if b := w.Original.Bucket; b != nil {
		v.bucket, v.endpoint = b.Name, b.EndpointURL
	}
	return v
}

// failures remembers what went wrong, so that a gallery of broken captures costs
// one attempt each and not one a view:
//
//   - an original that cannot be fetched, for source.retry_after;
//   - a picture that was rendered and could not be kept, for as long: the picture
//     itself is what clients get meanwhile, and storage is left alone;
//   - an original that cannot be rendered, or only by the app, until its capture
//     changes. For a minute at a time, or until a notification names the capture, no
//     questions are asked; then the next job compares the capture's version with the
//     one that failed, and fetches nothing where it is the same;
//   - that the app did not render such an original either: for as long where it said so,
//     for source.retry_after where it failed.
//
// Its memory is bounded: the oldest are forgotten first.
type failures struct {
	retryAfter time.Duration

	mu      sync.Mutex
	maxKept int64                      // bytes of pictures
	byID    map[thumb.ID]*list.Element // of *failure
	age     *list.List                 // the oldest in front
	kept    int64                      // bytes of pictures
	changes uint64                     // of everything, so far
}

// failure is what is remembered of one capture.
type failure struct {
	id thumb.ID

	err    error // unavailable, unusable or for the app; nil: none
	labels labels
	until  time.Time
	// version is the one that cannot be rendered here; nil where err is unavailable.
	version *version
	// doubted says that a notification may have been of that version's end, as every one of
	// everything since changes was; seen is when it was last compared.
	doubted bool
	changes uint64
	seen    time.Time
	// The labels that the app refused to render of that version, and those at which it
	// failed lately.
	refused, failed labels
	failedUntil     time.Time

	pictures  [thumb.MaxSpecs][]byte // that could not be kept
	keepUntil time.Time
}

func newFailures(retryAfter time.Duration, maxKept int64) *failures {
	return &failures{retryAfter: retryAfter, maxKept: maxKept, byID: map[thumb.ID]*list.Element{}, age: list.New()}
}

// recall returns what is to be answered for a label without trying again.
func (f *failures) recall(id thumb.ID, position int) (made Thumbnail, err error, found bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	element := f.byID[id]
	if element == nil {
		return Thumbnail{}, nil, false
	}
	now, known := time.Now(), element.Value.(*failure)
	if now.Before(known.keepUntil) && known.pictures[position] != nil {
		return Thumbnail{JPEG: known.pictures[position]}, nil, true
	}
	if known.err != nil && known.labels&labelAt(position) != 0 && now.Before(known.until) && !f.doubts(known) {
		return Thumbnail{}, known.errorOf(position), true
	}
	// A version stays, to be compared by the next job.
	if known.version == nil && !now.Before(known.until) && !now.Before(known.keepUntil) {
		f.forget(element)
	}
	return Thumbnail{}, nil, false
}

// lasts says whether a label is remembered not to be had here. It asks nobody, so that it
// believes that a version cannot be rendered until a notification doubts it, or for an
// hour: where a page says null rather than name a label, no job looks again.
func (f *failures) lasts(id thumb.ID, position int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	element := f.byID[id]
	if element == nil {
		return false
	}
	known := element.Value.(*failure)
	if known.err == nil || known.labels&labelAt(position) == 0 {
		return false
	}
	if known.version == nil {
		return time.Now().Before(known.until)
	}
	return !f.doubts(known) && time.Since(known.seen) < lastsUnasked
}

// doubts says whether a version that cannot be rendered may have come to its end since it
// was compared. The caller holds mu.
func (f *failures) doubts(known *failure) bool {
	return known.version != nil && (known.doubted || known.changes != f.changes)
}

// ofVersion returns, by position, why labels of this work are known not to be
// renderable here. The version being the same, they are believed for another minute.
func (f *failures) ofVersion(work *thumb.Work) (errs [thumb.MaxSpecs]error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	element := f.byID[work.Capture.ID]
	if element == nil {
		return errs
	}
	known := element.Value.(*failure)
	switch {
	case known.version == nil:
		return errs
	case *known.version != versionOf(work):
		f.forget(element)
		return errs
	}
	known.seen = time.Now()
	known.until, known.doubted, known.changes = known.seen.Add(relook), false, f.changes
	known.labels.each(func(position int) { errs[position] = known.errorOf(position) })
	return errs
}

// rememberUnavailable remembers that the original of a capture cannot be fetched:
// for source.retry_after, or until its host, which does not answer, may be asked again.
func (f *failures) rememberUnavailable(id thumb.ID, err error) {
	until := time.Now().Add(f.retryAfter)
	if alone, ok := errors.AsType[*source.LeftAlone](err); ok && alone.Until.Before(until) {
		until = alone.Until
	}
	f.remember(id, func(known *failure) {
		known.err, known.labels, known.version, known.until = err, ^labels(0), nil, until
	})
}

// rememberVersion remembers that these labels of this version cannot be rendered here.
func (f *failures) rememberVersion(work *thumb.Work, which labels, err error) {
	v := versionOf(work)
	f.remember(work.Capture.ID, func(known *failure) {
		if known.version != nil && *known.version == v {
			which |= known.labels
		} else {
			known.refused, known.failed = 0, 0
		}
		known.err, known.labels, known.version = err, which, &v
		known.seen = time.Now()
		known.until, known.doubted, known.changes = known.seen.Add(relook), false, f.changes
	})
}

// rememberPicture keeps a picture that could not be stored or recorded.
func (f *failures) rememberPicture(id thumb.ID, position int, jpeg []byte) {
	f.remember(id, func(known *failure) {
		f.kept += int64(len(jpeg) - len(known.pictures[position]))
		known.pictures[position] = jpeg
		known.keepUntil = time.Now().Add(f.retryAfter)
	})
}

func (f *failures) remember(id thumb.ID, note func(*failure)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	element := f.byID[id]
	if element == nil {
		element = f.age.PushBack(&failure{id: id})
		f.byID[id] = element
	}
	f.age.MoveToBack(element)
	note(element.Value.(*failure))
	for f.age.Len() > maxRemembered || f.kept > f.maxKept && f.age.Len() > 1 {
		f.forget(f.age.Front())
	}
}

// changed heeds a notification that names a capture: what is remembered of it is
// not to be relied upon. An original that cannot be rendered here is compared by the next job, since
// most notifications are of rows and not of originals.
func (f *failures) changed(id thumb.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	element := f.byID[id]
	if element == nil {
		return
	}
	known := element.Value.(*failure)
	if known.version == nil {
		f.forget(element)
	} else {
		f.drop(known)
		known.doubted = true
	}
}

// changedAll does as much for every capture, but that what is remembered for
// source.retry_after only is left to that.
func (f *failures) changedAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes++
}

// retire forgets everything, and keeps no picture from now on: nobody asks any more but who
// began before.
func (f *failures) retire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.maxKept, f.kept = 0, 0
	f.byID, f.age = map[thumb.ID]*list.Element{}, list.New()
}

// forget removes an entry. The caller holds mu.
func (f *failures) forget(element *list.Element) {
	known := f.age.Remove(element).(*failure)
	delete(f.byID, known.id)
	f.drop(known)
}

// drop lets go of an entry's pictures. The caller holds mu.
func (f *failures) drop(known *failure) {
	for i, picture := range known.pictures {
		f.kept -= int64(len(picture))
		known.pictures[i] = nil
	}
}

func (f *failures) state() (captures int, kept int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.age.Len(), f.kept
}
