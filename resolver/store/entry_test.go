package store

import (
	"math"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What an entry was made of comes out of it again, whatever its standing.
func TestEntryKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	verdicts := [thumb.MaxSpecs]thumb.Verdict{thumb.Warm, thumb.Stale, thumb.Cold, thumb.Warm, thumb.Warm, thumb.Warm, thumb.Warm, thumb.Warm}
	for _, project := range []int64{1, 1 << 31, math.MaxUint32, 1 << 32, 1<<32 + 1, math.MaxInt64} {
		for _, known := range []thumb.Known{
			{Standing: thumb.Missing}, {Standing: thumb.Private},
			{Standing: thumb.Public, Verdicts: verdicts, Digits: [thumb.MaxSpecs]uint64{1, 0, 0, 2, 3, 4, 5, math.MaxUint64}},
			{Standing: thumb.Draft, Project: project, Verdicts: verdicts, Digits: [thumb.MaxSpecs]uint64{math.MaxUint64, 1}},
			{Standing: thumb.Draft, Project: project, Verdicts: verdicts, Digits: [thumb.MaxSpecs]uint64{1, 7: 9}},
			{Standing: thumb.Draft, Project: project, Paths: &[thumb.MaxSpecs]string{"a path"}},
		} {
			const seq, read = 1<<44 - 1, time.Hour
			var a arena
			e := NewEntry(&known, seq, read)
			e = a.load(a.add(1, &e))
			var got thumb.Known
			e.Fill(&got)
			if diff := cmp.Diff(known, got); diff != "" || e.Seq() != seq || e.Read() != read || e.Standing() != known.Standing {
				t.Errorf("%+v, sequence number %d, read at %v: %s", e, e.Seq(), e.Read(), diff)
			}
		}
	}
}

// A draft takes no more than a public capture.
func TestSlotIsAsLargeAsItSays(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(slot{}); size != entrySize {
		t.Errorf("a slot takes %d bytes, and counts as %d", size, entrySize)
	}
	draft := NewEntry(&thumb.Known{Standing: thumb.Draft, Project: 7, Digits: [thumb.MaxSpecs]uint64{1, 2, 3}}, 1, 1)
	if draft.Cost() != UsualCost {
		t.Errorf("a draft of three labels costs %d, not %d", draft.Cost(), UsualCost)
	}
}
