package proxy

import (
	"sync/atomic"
	"time"
)

const (
	// activeFor is how long a request counts as just asked.
	activeFor = 100 * time.Millisecond
	// activeStep is how far apart two requests are noted, so that not each writes to
	// memory that all share.
	activeStep = 5 * time.Millisecond
)

// Activity knows whether clients ask for anything but thumbnails and their files just
// now: they would notice it if rendering took every core. Its methods may be called from
// any goroutine.
type Activity struct {
	began time.Time
	last  atomic.Int64 // since then, when it was noted last
}

// NewActivity returns an Activity of which nothing is known yet.
func NewActivity() *Activity {
	a := &Activity{began: time.Now()}
	a.last.Store(int64(-activeFor))
	return a
}

// note notes a request that came at a moment.
func (a *Activity) note(at time.Time) {
	if since := int64(at.Sub(a.began)); since-a.last.Load() > int64(activeStep) {
		a.last.Store(since)
	}
}

// Recent says whether a page, or anything else that goes to the app, was asked for in the
// last tenth of a second.
func (a *Activity) Recent() bool {
	return time.Since(a.began)-time.Duration(a.last.Load()) < activeFor
}
