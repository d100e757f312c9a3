package store

import (
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Entry is what is known of a capture, as the store keeps it: in 56 bytes where there are
// at most three labels whose paths follow the key scheme. It is a value; the zero one
// stands for none.
type Entry struct {
	// packed holds the sequence number at which the query began (44 bits), whether
	// there is more (1 bit), the standing (3 bits) and the verdicts (2 bits each, 16
	// together).
	packed  uint64
	read    time.Duration // when the query began, since the warm set was made
	digits  [inlineDigits]uint64
	project uint32 // whose draft it is, as far as the number is so small
	more    *more  // nil for most, where packed says so
}

// more is what does not fit an entry.
type more struct {
	digits  *[thumb.MaxSpecs - inlineDigits]uint64 // of further labels; nil: zero
	paths   *[thumb.MaxSpecs]string                // as in thumb.Known
	project int64                                  // 0: the entry's
}

const (
	inlineDigits  = 3
	verdictBits   = 2
	standingShift = verdictBits * thumb.MaxSpecs
	standingBits  = 3
	hasMore       = 1 << (standingShift + standingBits)
	seqShift      = standingShift + standingBits + 1
)

// NewEntry makes the entry of what a query told. The query began at read, since the warm
// set was made; seq is the sequence number of the last notification before.
func NewEntry(a *thumb.Known, seq uint64, read time.Duration) Entry {
	e := Entry{packed: seq<<seqShift | uint64(a.Standing)<<standingShift, read: read}
	for i, v := range a.Verdicts {
		e.packed |= uint64(v) << (verdictBits * i)
	}
	copy(e.digits[:], a.Digits[:])
	e.project = uint32(a.Project)
	further := [thumb.MaxSpecs - inlineDigits]uint64(a.Digits[inlineDigits:])
	small := a.Project == int64(e.project)
	if a.Paths == nil && small && further == [len(further)]uint64{} {
		return e
	}
	e.packed |= hasMore
	e.more = &more{paths: a.Paths}
	if !small {
		e.more.project = a.Project
	}
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
	return thumb.Standing(e.packed >> standingShift & (1<<standingBits - 1))
}

// Fill writes what the entry was made of. It allocates nothing.
func (e *Entry) Fill(a *thumb.Known) {
	*a = thumb.Known{Standing: e.Standing(), Project: int64(e.project)}
	for i := range a.Verdicts {
		a.Verdicts[i] = thumb.Verdict(e.packed >> (verdictBits * i) & (1<<verdictBits - 1))
	}
	copy(a.Digits[:], e.digits[:])
	if e.more != nil {
		a.Paths = e.more.paths
		if e.more.project != 0 {
			a.Project = e.more.project
		}
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
	entrySize     = 56
	moreSize      = 24
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
