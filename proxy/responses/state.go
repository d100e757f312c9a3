package responses

import "github.com/cespare/xxhash/v2"

// State is what the cache is like at a moment, for the admin listener.
type State struct {
	MaxSize    int64  `json:"max_size"`  // bytes
	Used       int64  `json:"used"`      // bytes, by the cache's own account
	Entries    int64  `json:"entries"`   // answers that are kept, those that are stale by now too
	Evictions  uint64 `json:"evictions"` // URLs that there was no room for any more
	Hits       int64  `json:"hits"`
	Stale      int64  `json:"stale"`
	Validated  int64  `json:"validated"`
	Collapsed  int64  `json:"collapsed"`
	Misses     int64  `json:"misses"`
	Bypassed   int64  `json:"bypassed"`
	SavedBytes int64  `json:"saved_bytes"` // of bodies that the app did not have to send
	Anonymous  bool   `json:"anonymous"`   // pages of which the app says nothing are shared now
}

// State returns the present state.
func (c *Cache) State() State {
	m := c.metrics
	return State{
		MaxSize: c.store.size.Load(), Used: c.store.bytes.Load(), Entries: c.store.entries.Load(), Evictions: c.store.evicted.Load(),
		Hits: m.hits.n.Load(), Stale: m.stale.n.Load(), Validated: m.validated.n.Load(), Collapsed: m.collapsed.n.Load(),
		Misses: m.misses.n.Load(), Bypassed: m.passed.n.Load(), SavedBytes: m.saved.n.Load(), Anonymous: c.rules().anonymous.on(),
	}
}

// DropTarget drops what is kept of a path with its query, on whichever site.
func (c *Cache) DropTarget(target string) { c.clock.invalidateURL(xxhash.Sum64String(target)) }
