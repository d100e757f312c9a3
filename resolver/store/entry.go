package store

import (
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Entry is what is known of a capture, as the store keeps it: 48 bytes where there are at
// most three labels whose paths follow the key scheme. It is a value; the zero one stands
// for none.
type Entry struct {
	// packed holds the sequence number at which the query began (44 bits), the
	// whether there is more (1 bit, 1 spare), the standing (2 bits) and the verdicts
	// (2 bits each, 16 together).
	packed uint64
	read   time.Duration // when the query began, since the warm set was made
	digits [inlineDigits]uint64
	more   *more // nil for most, where packed says so
}

// more is what does not fit an entry.
type more struct {
	digits *[thumb.MaxSpecs - inlineDigits]uint64 // of further labels; nil: zero
	paths  *[thumb.MaxSpecs]string                // as in thumb.Known
}

const (
	inlineDigits  = 3
	verdictBits   = 2
	standingShift = verdictBits * thumb.MaxSpecs
	hasMore       = 1 << (standingShift + 2)
	seqShift      = standingShift + 4
)

// NewEntry makes the entry of what a query told. The query began at read, since the warm
// set was made; seq is the sequence number of the last notification before.
func NewEntry(a *thumb.Known, seq uint64, read time.Duration) Entry {
	e := Entry{packed: seq<<seqShift | uint64(a.Standing)<<standingShift, read: read}
	for i, v := range a.Verdicts {
		e.packed |= uint64(v) << (verdictBits * i)
	}
	copy(e.digits[:], a.Digits[:])
	further := [thumb.MaxSpecs - inlineDigits]uint64(a.Digits[inlineDigits:])
	if a.Paths == nil && further == [len(further)]uint64{} {
		return e
	}
	e.packed |= hasMore
	e.more = &more{paths: a.Paths}
	if further != [len(further)]uint64{} {
		e.more.digits = &further
	}
	return e
}

// Held says whether there is an entry at all.
func (e *Entry) Held() bool { return e.packed != 0 }

// Read is when the query began, since the warm set was made.
func (e *Entry) Read() time.Duration { return e.read }

// Seq is the sequence number of the last notification before the query began.
func (e *Entry) Seq() uint64 { return e.packed >> seqShift }

// Standing is the capture's.
func (e *Entry) Standing() thumb.Standing {
	return thumb.Standing(e.packed >> standingShift & 3)
}

// Fill writes what the entry was made of. It allocates nothing.
func (e *Entry) Fill(a *thumb.Known) {
	*a = thumb.Known{Standing: e.Standing()}
	for i := range a.Verdicts {
		a.Verdicts[i] = thumb.Verdict(e.packed >> (verdictBits * i) & (1<<verdictBits - 1))
	}
	copy(a.Digits[:], e.digits[:])
	if e.more != nil {
		a.Paths = e.more.paths
		if e.more.digits != nil {
			copy(a.Digits[inlineDigits:], e.more.digits[:])
		}
	}
}

// The sizes below are what Go's allocator hands out, measured by
// BenchmarkMemory. ristrettoSize is what ristretto takes for a capture beside
// the entry: a slot in its store (56 bytes) and one in its policy (16 bytes), at the
// load that both hash tables come to after a long time of evictions, and half of what
// then lies unused between the entries: live heap stays below the account by about as
// much as resident memory is above it.
const (
	ristrettoSize = 200
	entrySize     = 48
	moreSize      = 16
	furtherSize   = 48
	pathsSize     = 128
)

// UsualCost is the cost of most entries.
const UsualCost = ristrettoSize + entrySize

// Cost is the live heap that the entry takes, in bytes, ristretto's part included.
func (e *Entry) Cost() int64 {
	size := int64(UsualCost)
	if e.more == nil {
		return size
	}
	size += moreSize
	if e.more.digits != nil {
		size += furtherSize
	}
	if e.more.paths != nil {
		size += pathsSize
		for _, path := range e.more.paths {
			size += int64(len(path)+15) &^ 15
		}
	}
	return size
}
