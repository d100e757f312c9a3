package history

import "slices"

// final checks that everything has healed when the faults are over.
func (c *check) final() {
	if c.Final == nil {
		return
	}
	for _, problem := range c.Final.Problems {
		c.violates("not healed", Forever, "%s", problem)
	}
	for _, s := range c.Final.Warm {
		if s.Key == "" {
			c.violates("not healed", Forever, "%d/%s is cold in the end", s.Capture, s.Label)
		}
	}
	for id, states := range c.timelines.rows {
		if last := states[len(states)-1]; last.To == Forever && last.Path != "" && !slices.Contains(c.Final.Files, last.Path) {
			c.violates("row without its file", Forever, "%v names %s in the end", id, last.Path)
		}
	}
	for _, key := range c.Final.Files {
		named := slices.ContainsFunc(c.keys[key], func(s rowState) bool { return s.To == Forever })
		if !named && !slices.Contains(c.Final.Recorded, key) {
			c.violates("file forgotten", Forever, "%s is named by no row, and not recorded for deletion", key)
		}
	}
}
