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

// holds says whether nothing has changed since the request of an answer was sent.
func (k *clock) holds(hash uint64, page int, began uint64) bool {
	return began >= k.all.Load() && began >= k.urls[hash%uint64(len(k.urls))].Load() &&
		(page == 0 || began >= k.pages[page-1].Load())
}
