package imaging

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Cause says why a label could not be made, or its picture not be kept; a metric's label,
// from a closed set.
type Cause string

// The causes.
const (
	CauseHost      Cause = "host_silent" // the original's host gave no answer, or none to the end
	CauseRefused   Cause = "refused"     // its host gave another answer than the original
	CauseForbidden Cause = "forbidden_address"
	CauseTooBig    Cause = "too_big"
	CauseCutOff    Cause = "cut_off"
	CauseUnusable  Cause = "unusable"   // no image, or one with a fault
	CauseFormat    Cause = "format"     // only the app may render it, and is asked
	CauseApp       Cause = "app_failed" // the app did not render it either
	CauseBusy      Cause = "busy"
	CauseDatabase  Cause = "database"
	CauseStorage   Cause = "storage" // the picture was made, and not kept
	CauseInternal  Cause = "internal"
)

// causes are all of them.
var causes = []Cause{CauseHost, CauseRefused, CauseForbidden, CauseTooBig, CauseCutOff, CauseUnusable, CauseFormat, CauseApp, CauseBusy, CauseDatabase, CauseStorage, CauseInternal}

// causeOfFailure names why a label was not made; "" where that is no failure: nobody
// waited for it any more, or it is not to be made here.
func causeOfFailure(err error) Cause {
	for _, c := range []struct {
		err   error
		cause Cause
	}{
		{errPanic, CauseInternal}, {thumb.ErrUnknownCapture, ""}, {thumb.ErrNotPublic, ""}, {thumb.ErrPublic, ""}, {errDropped, ""}, {errClosed, ""},
		{thumb.ErrForbidden, CauseForbidden}, {thumb.ErrHostSilent, CauseHost}, {thumb.ErrOriginalUnavailable, CauseRefused},
		{thumb.ErrTooBig, CauseTooBig}, {thumb.ErrCutOff, CauseCutOff}, {thumb.ErrOriginalUnusable, CauseUnusable},
		{thumb.ErrOriginalForApp, CauseFormat}, {thumb.ErrDatabase, CauseDatabase}, {thumb.ErrBusy, CauseBusy},
	} {
		if errors.Is(err, c.err) {
			return c.cause
		}
	}
	return CauseInternal
}

// causeOfKeeping names why a picture was not kept.
func causeOfKeeping(err error) Cause {
	if errors.Is(err, thumb.ErrDatabase) {
		return CauseDatabase
	}
	return CauseStorage
}

// Failed is a label of a capture that could not be made, or not be kept, for who asks what
// failed last.
type Failed struct {
	ID    thumb.ID
	Label string
	At    time.Time
	Cause Cause
	Why   string
}

const (
	maxLately = 64  // failures that are listed
	maxWhy    = 300 // bytes of what is said of one
)

// lately counts failures by cause, and lists the last of them, each label of a capture
// once. What failed is remembered apart from that, to be answered for (failures).
type lately struct {
	metrics *Metrics

	mu   sync.Mutex
	list []Failed // the oldest first
}

// note counts and lists a failure.
func (l *lately) note(id thumb.ID, label string, cause Cause, err error) {
	if cause == "" {
		return
	}
	l.metrics.failed[cause].Inc()
	why := err.Error()
	if len(why) > maxWhy {
		why = why[:maxWhy] + "…"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(f Failed) bool { return f.ID == id && f.Label == label })
	if len(l.list) == maxLately {
		l.list = slices.Delete(l.list, 0, 1)
	}
	l.list = append(l.list, Failed{id, label, time.Now(), cause, why})
}

// LastFailures returns the failures that are listed, the youngest first.
func (r *Renderer) LastFailures() []Failed {
	r.lately.mu.Lock()
	defer r.lately.mu.Unlock()
	last := slices.Clone(r.lately.list)
	slices.Reverse(last)
	return last
}

// LastFailure returns the last failure of a label of a capture, if it is still listed.
func (r *Renderer) LastFailure(id thumb.ID, label string) (Failed, bool) {
	for _, f := range r.LastFailures() {
		if f.ID == id && f.Label == label {
			return f, true
		}
	}
	return Failed{}, false
}
