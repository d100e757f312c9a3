package history

import (
	"slices"
	"time"
)

const (
	// forgotten is how long after it has lapsed a lease may be removed by anybody.
	forgotten = time.Minute
	// sight is by how much what a transaction saw may lie before its commit.
	sight = 500 * time.Millisecond
	// overrun is how long a holder whose lease was lost may go on with what it has begun.
	overrun = time.Minute
)

// term is a holder's time with the lease on a capture.
type term struct {
	by, holder string
	taken      Moment
	// last is when the holder let go itself: then it has nothing more to fetch. Forever
	// where the lease lapsed, or the holder has it still.
	last Moment
	// lapsed is when another took the lease over.
	lapsed Moment
}

// termsOf returns the terms of each capture's lease, in their order.
func termsOf(changes []LeaseChange) map[int64][]*term {
	terms := map[int64][]*term{}
	for _, change := range changes {
		all := terms[change.Capture]
		var now *term
		if len(all) > 0 {
			now = all[len(all)-1]
		}
		switch {
		case change.New == nil:
			if now != nil && change.By == now.by {
				now.last = change.At
			}
		case change.Old == nil || change.Old.Holder != change.New.Holder:
			terms[change.Capture] = append(all, &term{by: change.By, holder: change.New.Holder, taken: change.At, last: Forever, lapsed: Forever - overrun})
			if now != nil {
				now.lapsed = change.At
			}
		}
	}
	return terms
}

// leases checks who takes leases and gives them up, and what is fetched under them.
func (c *check) leases() {
	takers := map[string]string{} // of holders: the process
	for _, change := range c.Leases {
		if change.New != nil {
			if _, known := takers[change.New.Holder]; !known {
				takers[change.New.Holder] = change.By
			}
		}
		old := change.Old
		switch {
		case old == nil:
		case change.New == nil:
			if taker := takers[old.Holder]; taker != "" && taker != change.By && old.Until+forgotten > change.At {
				c.violates("lease of another given up", change.At, "%s gives up the lease on %d that %s has until %.3f",
					change.By, change.Capture, taker, old.Until.Seconds())
			}
		case old.Holder != change.New.Holder && old.Until > change.At:
			c.violates("lease taken early", change.At, "%s takes the lease on %d that %s has until %.3f",
				change.By, change.Capture, takers[old.Holder], old.Until.Seconds())
		}
	}
	byCapture := map[int64][]Fetch{}
	for _, f := range c.Fetches {
		byCapture[f.Capture] = append(byCapture[f.Capture], f)
	}
	for capture, fetches := range byCapture {
		c.fetchedUnderLeases(capture, fetches)
	}
}

// fetchedUnderLeases: every fetch belongs to a term of its own, which it began in.
func (c *check) fetchedUnderLeases(capture int64, fetches []Fetch) {
	slices.SortFunc(fetches, func(a, b Fetch) int { return int(a.Start - b.Start) })
	used := map[*term]bool{}
	for _, f := range fetches {
		var best *term
		needed := false
		for _, t := range c.terms[capture] {
			if t.taken > f.Start || c.over(t, f) {
				continue
			}
			needed = needed || c.lacked(capture, t)
			if !used[t] && (best == nil || t.last < best.last) {
				best = t
			}
		}
		switch {
		case best == nil:
			c.violates("fetched without a lease", f.Start, "original %d is fetched once more than leases were taken", capture)
		case !needed:
			c.violates("fetched needlessly", f.Start, "original %d is fetched, and every label had a valid row when %s took the lease at %.3f",
				capture, best.by, best.taken.Seconds())
		}
		if best != nil {
			used[best] = true
		}
	}
}

// over says whether a fetch came after its holder had let go. One that was held up on
// its way may arrive when nobody waits for it any more.
func (c *check) over(t *term, f Fetch) bool {
	if f.Start <= t.last {
		return false
	}
	for _, fault := range c.Faults {
		if fault.Kind == FaultSource && fault.Start <= f.Start && fault.End+sight >= t.taken {
			return false
		}
	}
	return true
}

// lacked says whether a label had no valid row when a lease was taken, or just before:
// no public one where the capture was public lately, or no private one where it was a draft.
func (c *check) lacked(capture int64, t *term) bool {
	widths := c.Replicas[t.by].Widths
	lately := t.taken - c.Settings.Unlistened
	public, draft := c.publicTimes(capture).touch(lately, t.taken), c.draftTimes(capture).touch(lately, t.taken)
	for label, width := range widths {
		if public && c.lackedRow(rowID{capture, label, false}, width, t.taken) || draft && c.lackedRow(rowID{capture, label, true}, width, t.taken) {
			return true
		}
	}
	return len(widths) == 0 || !public && !draft
}

func (c *check) lackedRow(id rowID, width int, at Moment) bool {
	covered := at - sight
	for _, s := range c.validTimes(id, width) {
		if s.From <= covered {
			covered = max(covered, s.To)
		}
	}
	return covered < at
}
