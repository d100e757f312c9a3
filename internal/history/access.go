package history

import (
	"slices"
	"strings"
	"time"
)

// delivery is what an answer may take, beside its own times, from a page's age.
const delivery = 200 * time.Millisecond

// access checks that a draft is seen by whom it may be seen, and nothing else is signed.
func (c *check) access() {
	for _, a := range c.Answers {
		c.listsPublic(a)
		c.youngEnough(a)
		for _, s := range a.Shown {
			c.shownWithLeave(a, s)
		}
		if a.Given != 0 && !a.Signed {
			if why := c.recent(a, a.Start, c.publicTimes(a.Given)); why != "" {
				c.violates("draft given", a.Start, "%s (%s) gives the thumbnail of %d, as public: %s", a.Replica, a.What, a.Given, why)
			}
		}
	}
	for _, change := range c.Rows {
		if c.replica(change.By) {
			c.onItsSide(change)
		}
	}
}

// listsPublic: whatever a page was kept for, it is used by nobody once a capture on it
// is a draft's, and that could be known.
func (c *check) listsPublic(a Answer) {
	for _, capture := range a.Listed {
		if why := c.recent(a, a.Start, c.seenTimes(capture)); why != "" {
			c.violates("page of a draft", a.Start, "%s (%s) lists %d until %.3f, as public: %s", a.Replica, a.What, capture, a.End.Seconds(), why)
		}
	}
}

// seenTimes returns when the project of a capture was public: that a capture is gone, an
// app's page may say late.
func (c *check) seenTimes(capture int64) (times Spans) {
	for _, s := range c.captures[capture] {
		times = c.public[s.Project]
	}
	return times
}

// youngEnough: the app was asked for a page no longer ago than it may be kept.
func (c *check) youngEnough(a Answer) {
	if a.Written == 0 {
		return
	}
	if age := a.Start - a.Written; age > c.Settings.Kept+delivery {
		c.violates("page kept too long", a.Start, "%s (%s): the app wrote it %.3f s before", a.Replica, a.What, age.Seconds())
	}
}

// shownWithLeave: a private file for a signature alone, and a signature for a draft alone.
func (c *check) shownWithLeave(a Answer, s Shown) {
	if strings.HasPrefix(s.Key, PrivateFile) {
		switch {
		case !a.Signed:
			c.violates("private without a signature", a.Start, "%s (%s) shows %s", a.Replica, a.What, s.Key)
		case s.Instead != "":
			c.violates("private without a signature", a.Start, "%s (%s) shows %s, which was signed for another label", a.Replica, a.What, s.Key)
		}
	}
	if s.Signed {
		if why := c.recent(a, a.Start, c.draftTimes(s.Capture)); why != "" {
			c.violates("public is signed", a.Start, "%s (%s) signs %d/%s, as a draft: %s", a.Replica, a.What, s.Capture, s.Label, why)
		}
	}
}

// onItsSide: a row is written to the public table for what is public, and to the private
// one for a draft, and a public one is removed of neither, unless its file was gone.
func (c *check) onItsSide(change RowChange) {
	public, draft := c.publicTimes(change.Capture), c.draftTimes(change.Capture)
	since := change.At - c.Settings.Connected
	since -= c.stood(since, change.At)
	switch {
	case change.New != nil && !change.Private && !public.touch(since, change.At):
		c.violates("public row of a draft", change.At, "%s commits %v of %s", change.By, change.id(), change.New.Path)
	case change.New != nil && change.Private && !draft.touch(since, change.At):
		c.violates("private row of what is public", change.At, "%s commits %v of %s", change.By, change.id(), change.New.Path)
	case change.New == nil && !change.Private && !public.outside().touch(since, change.At) && !c.fileGone(change):
		c.violates("public row removed", change.At, "%s removes %v of %s", change.By, change.id(), change.Old.Path)
	}
}

// fileGone says whether the file of a row that is removed had been deleted, or never was.
func (c *check) fileGone(change RowChange) bool {
	before := func(d Delete) bool { return d.Start <= change.At }
	return slices.ContainsFunc(c.deletes[change.Old.Path], before) || len(c.puts[change.Old.Path]) == 0
}

func (change *RowChange) id() rowID { return rowID{change.Capture, change.Label, change.Private} }
