package history

import (
	"fmt"
	"time"
)

// rows checks the versions of rows that replicas write.
func (c *check) rows() {
	for _, change := range c.Rows {
		if change.New == nil || !c.replica(change.By) {
			continue
		}
		c.newerStays(change)
		c.pictureIsCurrent(change)
	}
}

// newerStays: a row with a path, the same width and a strictly later version is never
// overwritten.
func (c *check) newerStays(change RowChange) {
	old, row := change.Old, change.New
	if old == nil || old.Path == "" || old.Width != row.Width || old.Version == 0 || row.Version >= old.Version {
		return
	}
	c.violates("older over newer", change.At, "%s replaces %s of version %s by %s of version %s in %v",
		change.By, old.Path, version(old.Version), row.Path, version(row.Version), change.id())
}

// pictureIsCurrent: what the file shows is at least as new as the version that the row
// claims, and shows that capture.
func (c *check) pictureIsCurrent(change RowChange) {
	for _, p := range c.puts[change.New.Path] {
		if !p.Kept {
			continue
		}
		if p.Picture.Capture != change.Capture {
			c.violates("another picture", change.At, "%v names %s, which shows capture %d", change.id(), p.Key, p.Picture.Capture)
		}
		if least := c.contentOf(change.Capture, change.New.Version); p.Picture.Content < least {
			c.violates("older picture", change.At, "%v claims version %s, whose content is %d; %s shows content %d",
				change.id(), version(change.New.Version), least, p.Key, p.Picture.Content)
		}
		return
	}
}

func version(microseconds int64) string {
	if microseconds == 0 {
		return "null"
	}
	return time.UnixMicro(microseconds).UTC().Format("15:04:05.000000")
}

func momentText(m Moment) string {
	if m == Forever {
		return "now"
	}
	return fmt.Sprintf("%.3f", m.Seconds())
}
