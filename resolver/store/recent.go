package store

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// recent says of captures that were found a moment ago where their entries lie. ristretto
// finds one by five steps through cold memory, each of which waits for the one before; a page
// of 40 that many look at took longer for that than for anything else. Here a page's
// captures, whose ids lie close together as a rule, are found in a few lines of memory.
//
// It decides nothing. An entry that ristretto has let go of is not found in its slot any
// more, nor is another capture's taken for it. ristretto counts who is asked for; of several
// reads within a moment it counts the first, which costs a replay a tenth of a percent of its
// pages from memory (BenchmarkHitRatio), and more with a longer moment.
type recent []atomic.Uint64 // the slot's number (the upper half), and the moment

// moment is for how long ristretto is not asked again.
const moment = 250 * time.Millisecond

// recentFor returns how many words a store of size bytes has: they take 0.8 % of it.
func recentFor(size int64) int { return min(max(1<<(bits.Len64(uint64(size/1024))-1), 1<<10), 1<<20) }

// stamp is a word without its slot. It is never 0.
func stamp(now time.Duration) uint64 { return 1 + uint64(now/moment)%math.MaxUint32 }

func (r recent) of(id thumb.ID) *atomic.Uint64 { return &r[uint64(id)&uint64(len(r)-1)] }
