package history

import "time"

// recording is by how much the moment at which a file is recorded for deletion, which
// its time counts from, may lie before the commit that it is part of.
const recording = 500 * time.Millisecond

// files checks that rows, files and keys agree.
func (c *check) files() {
	for _, change := range c.Rows {
		if change.New != nil && change.New.Path != "" && c.replica(change.By) {
			c.rowHasFile(change)
		}
	}
	for key, puts := range c.puts {
		c.keyUsedOnce(key, puts)
	}
	for _, d := range c.Deletes {
		c.nobodyNames(d)
	}
	for _, r := range c.Reads {
		c.fileIsThere(r)
	}
}

// rowHasFile: the storage had told of the file before the row was committed.
func (c *check) rowHasFile(change RowChange) {
	for _, p := range c.puts[change.New.Path] {
		if p.Kept && p.End <= change.At {
			return
		}
	}
	c.violates("row without its file", change.At, "%s commits %v of %s; the storage had: %v",
		change.By, change.id(), change.New.Path, c.puts[change.New.Path])
}

// keyUsedOnce: an upload is tried again with the same bytes, before any row.
func (c *check) keyUsedOnce(key string, puts []Put) {
	named := Forever
	for _, s := range c.keys[key] {
		named = min(named, s.From)
	}
	for _, p := range puts[1:] {
		if p.Sum != puts[0].Sum || p.Start > named {
			c.violates("key used twice", p.Start, "%s is stored again: %v", key, puts)
		}
	}
}

// nobodyNames: neither a row, nor whoever may remember one that a replica replaced. What
// the app itself does away with, it does not want to be seen any longer.
func (c *check) nobodyNames(d Delete) {
	for _, s := range c.keys[d.Key] {
		until := s.To
		if !s.withdrawn && !s.staysNamed && until != Forever {
			until += c.Settings.DeleteAfter - recording
		}
		if until > d.Start {
			c.violates("file deleted too early", d.Start, "%s was named by %v from %.3f to %s",
				d.Key, s.rowID, s.From.Seconds(), momentText(s.To))
		}
	}
}

// fileIsThere: what an answer named can be read, unless it was deleted, which is judged
// by itself, and shows the capture that it is of.
func (c *check) fileIsThere(r Read) {
	for _, d := range c.deletes[r.Key] {
		if d.Start <= r.End {
			return
		}
	}
	if r.Missing {
		c.violates("file missing", r.Start, "%s is not there", r.Key)
		return
	}
	for _, p := range c.puts[r.Key] {
		if p.Kept && p.Picture != r.Picture {
			c.violates("another picture", r.Start, "%s shows %+v, and was stored as %+v", r.Key, r.Picture, p.Picture)
		}
	}
}
