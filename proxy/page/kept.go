package page

import (
	"math"
	"slices"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Kept is what a scan found in a body that is kept: for the next time that the same body
// is to be written for the same hosts, without another scan. It never changes, so any
// number of goroutines may use it at once.
type Kept struct {
	refs                  []keptRef
	ids                   []thumb.ID
	otherHost, otherLabel int
}

// keptRef is a Ref in 16 bytes.
type keptRef struct {
	start, end, capture uint32
	origin              uint16
	position            uint8
}

const (
	keptRefSize = 16
	keptSize    = 80
)

// Keep returns what was found, packed; nil where it does not fit, or where there are nulls:
// those are for one client only.
func (f *Found) Keep() *Kept {
	if len(f.Nulls) > 0 {
		return nil
	}
	k := &Kept{ids: slices.Clone(f.IDs), otherHost: f.OtherHost, otherLabel: f.OtherLabel}
	k.refs = make([]keptRef, len(f.Refs))
	for i := range f.Refs {
		ref := &f.Refs[i]
		if ref.End > math.MaxUint32 || ref.Origin > math.MaxUint16 || ref.Position > math.MaxUint8 {
			return nil
		}
		k.refs[i] = keptRef{uint32(ref.Start), uint32(ref.End), uint32(ref.Capture), uint16(ref.Origin), uint8(ref.Position)}
	}
	return k
}

// Recall makes f what it was when Keep was called. Nothing may be added to it.
func (f *Found) Recall(k *Kept) {
	f.Refs, f.IDs, f.Nulls = slices.Grow(f.Refs[:0], len(k.refs)), append(f.IDs[:0], k.ids...), f.Nulls[:0]
	f.OtherHost, f.OtherLabel = k.otherHost, k.otherLabel
	for i := range k.refs {
		ref := &k.refs[i]
		f.Refs = append(f.Refs, Ref{int(ref.start), int(ref.end), int(ref.origin), int(ref.capture), int(ref.position)})
	}
}

// IDs are the captures that the body refers to, as Found has them. Nobody changes them.
func (k *Kept) IDs() []thumb.ID { return k.ids }

// Others are Found's OtherHost and OtherLabel.
func (k *Kept) Others() (host, label int) { return k.otherHost, k.otherLabel }

// Weight is roughly how many bytes of memory k holds.
func (k *Kept) Weight() int { return keptSize + len(k.refs)*keptRefSize + cap(k.ids)*8 }
