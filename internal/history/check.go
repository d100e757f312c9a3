package history

import (
	"fmt"
	"slices"
)

// Violation is something that the promises do not allow.
type Violation struct {
	Rule string
	At   Moment
	Text string
}

func (v Violation) String() string {
	if v.At == Forever {
		return v.Rule + " in the end: " + v.Text
	}
	return fmt.Sprintf("%s at %.3f s: %s", v.Rule, v.At.Seconds(), v.Text)
}

// Check returns everything in a history that the promises do not allow, in order of time.
func Check(h *History) []Violation {
	c := newCheck(h)
	c.files()
	c.rows()
	c.leases()
	c.answers()
	c.access()
	c.final()
	slices.SortStableFunc(c.found, func(a, b Violation) int { return int(a.At - b.At) })
	return c.found
}

// check is a history with its timelines, and what was found so far.
type check struct {
	*History
	*timelines
	found []Violation
}

func newCheck(h *History) *check { return &check{History: h, timelines: newTimelines(h)} }

func (c *check) violates(rule string, at Moment, format string, args ...any) {
	c.found = append(c.found, Violation{Rule: rule, At: at, Text: fmt.Sprintf(format, args...)})
}

// replica says whether a change was made by a process of the product.
func (c *check) replica(by string) bool {
	_, known := c.Replicas[by]
	return known
}
