package history

import (
	"fmt"
	"strings"
)

// answers checks what pages and redirects show.
func (c *check) answers() {
	for _, a := range c.Answers {
		if a.Wrong != "" {
			c.violates("wrong answer", a.Start, "%s asked for %s: %s", a.Replica, a.What, a.Wrong)
		}
		if a.Failed != "" && !c.halted(a) {
			c.violates("no answer", a.Start, "%s was asked for %s: %s", a.Replica, a.What, a.Failed)
		}
		if a.Unknown != 0 && !c.wasUnknown(a) {
			c.violates("wrong answer", a.Start, "%s knows no capture %d, which was there all the time", a.Replica, a.Unknown)
		}
		for _, s := range a.Shown {
			if s.Key == "" {
				continue // as the app wrote it, or signed: see access
			}
			if why := c.explain(a, s); why != "" {
				c.violates("old answer", a.Start, "%s (%s) shows %s for %d/%s until %.3f: %s",
					a.Replica, a.What, s.Key, s.Capture, s.Label, a.End.Seconds(), why)
			}
		}
	}
}

// explain returns why an answer may not show what it does, or "".
func (c *check) explain(a Answer, s Shown) string {
	widths := c.Replicas[a.Replica].Widths
	label := s.Label
	if s.Instead != "" {
		if widths[s.Instead] <= widths[s.Label] {
			return fmt.Sprintf("%s is not wider", s.Instead)
		}
		label = s.Instead
	}
	id := rowID{s.Capture, label, strings.HasPrefix(s.Key, PrivateFile)}
	allowed, as := c.publicTimes(s.Capture), "as public: "
	if id.private {
		allowed, as = c.draftTimes(s.Capture), "as a draft: "
	}
	if a.Page {
		// One query has read it all: there was a moment at which all of it was true.
		return c.recent(a, a.Start, allowed.intersect(c.namedTimes(id, s.Key, widths[label])).intersect(c.currentTimes(id, s.Key)))
	}
	// A thumbnail that is made meanwhile is of the version that its lease read, and is
	// shown although the original was replaced since. Other widths are another replica's,
	// and left alone for a while.
	since := c.leaseBefore(a, s.Capture)
	if why := c.recent(a, since, c.namedTimes(id, s.Key, 0)); why != "" {
		return "as a row: " + why
	}
	if why := c.recent(a, since, c.currentTimes(id, s.Key)); why != "" {
		return "as a version: " + why
	}
	if why := c.recent(a, a.Start, allowed); why != "" {
		return as + why
	}
	return ""
}

// leaseBefore returns when the lease on a capture was taken that somebody had while an
// answer was made, or the answer's start.
func (c *check) leaseBefore(a Answer, capture int64) Moment {
	since := a.Start
	for _, t := range c.terms[capture] {
		if t.by == a.Replica && t.taken <= a.End && min(t.last, t.lapsed+overrun) >= a.Start {
			since = min(since, t.taken)
		}
	}
	return since
}

// recent returns why an answer may not tell what was true at these times, or "".
func (c *check) recent(a Answer, since Moment, times Spans) string {
	if len(times) == 0 {
		return "that was never true"
	}
	if times.touch(since-c.Settings.Connected, a.End) {
		return ""
	}
	last, any := times.lastBefore(a.Start)
	if !any {
		return fmt.Sprintf("that was true from %.3f on", times[0].From.Seconds())
	}
	age := since - last - c.stood(last, since)
	switch {
	case age <= c.Settings.Connected:
		return ""
	case !c.unheard(a.Replica, last, a.Start):
		return fmt.Sprintf("that was true until %.3f, and notifications came in", last.Seconds())
	case age <= c.Settings.Unlistened:
		return ""
	}
	return fmt.Sprintf("that was true until %.3f, %.3f s ago", last.Seconds(), age.Seconds())
}

// unheard says whether a replica may have been without notifications in a stretch of time.
func (c *check) unheard(replica string, from, to Moment) bool {
	for _, f := range c.Faults {
		hinders := f.Kind == FaultListen || f.Kind == FaultHalt
		if hinders && f.hits(replica) && f.Start <= to && f.End+c.Settings.Reconnect >= from {
			return true
		}
	}
	return false
}

// stood returns for how long the machine stood still in a stretch of time.
func (c *check) stood(from, to Moment) (sum Moment) {
	for _, f := range c.Faults {
		if f.Kind == FaultStall {
			sum += max(0, min(f.End, to)-max(f.Start, from))
		}
	}
	return sum
}

// halted says whether the process may not have run while it was asked.
func (c *check) halted(a Answer) bool {
	for _, f := range c.Faults {
		if f.Kind == FaultHalt && f.hits(a.Replica) && f.Start <= a.End && f.End >= a.Start {
			return true
		}
	}
	return false
}

// wasUnknown says whether the capture of an answer was not there at some time while the
// answer was made. Nothing of a capture that is not there is remembered.
func (c *check) wasUnknown(a Answer) bool {
	for _, s := range c.captures[a.Unknown] {
		if s.From <= a.Start && s.To >= a.End {
			return false
		}
	}
	return true
}
