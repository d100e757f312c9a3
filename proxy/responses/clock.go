package responses

import "sync/atomic"

// clock counts what makes kept answers invalid, so that an answer which was asked for
// before a change is never used after it, however late it comes. An answer knows what the
// clock showed when its request was sent (Entry.began); a change moves the clock on, and is
// marked with what it shows then. Marks of URLs share slots: now and then one URL's answers
// are dropped for another's sake.
type clock struct {
	shows atomic.Uint64
	all   atomic.Uint64   // the last change of everything
	pages []atomic.Uint64 // of what lies under each path of pages
	urls  [1 << 15]atomic.Uint64
}

func (k *clock) invalidateURL(hash uint64) {
	raise(&k.urls[hash%uint64(len(k.urls))], k.shows.Add(1))
}

// invalidatePages is about the pages under one of the paths of pages.
func (k *clock) invalidatePages(path int) { raise(&k.pages[path-1], k.shows.Add(1)) }

func (k *clock) invalidateAll() { raise(&k.all, k.shows.Add(1)) }

// raise sets a mark, unless a later change was faster.
func raise(mark *atomic.Uint64, to uint64) {
	for {
		old := mark.Load()
		if old >= to || mark.CompareAndSwap(old, to) {
			return
		}
	}
}

// holds says whether nothing has changed since the request of an entry was sent.
func (c *Cache) holds(hash uint64, e *Entry) bool {
	k := &c.clock
	return e.began >= k.all.Load() && e.began >= k.marked(hash) && e.began >= k.marked(e.target) &&
		(e.page == 0 || e.began >= k.pages[e.page-1].Load())
}

func (k *clock) marked(hash uint64) uint64 { return k.urls[hash%uint64(len(k.urls))].Load() }
