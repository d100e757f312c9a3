package proxy

import (
	"io"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/thumbedge/thumbedge/proxy/coding"
	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire/giveway"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	// keepBuffer is the largest buffer, in bytes, that waits for the next page.
	keepBuffer = 256 << 10
	// mostRead is how many bytes are read, or encoded, before others are let in.
	mostRead = 128 << 10
	// firstBuffer is what a body of unknown length begins with.
	firstBuffer = 32 << 10
)

// memory is rewrite.memory: how many bytes all pages in hand may hold. It never
// waits. A page that does not get what it needs streams through.
type memory struct {
	limit atomic.Int64
	used  atomic.Int64
	spare func() bool // gives back what no page needs just now, and says whether there was any; nil: never
}

// reserve takes n bytes for a page.
func (m *memory) reserve(n int64) bool {
	for !m.take(n) {
		if m.spare == nil || !m.spare() {
			return false
		}
	}
	return true
}

// take is reserve without anything being given back for it. Fewer than 0 are always given back.
func (m *memory) take(n int64) bool {
	if m.used.Add(n) > m.limit.Load() && n > 0 {
		m.used.Add(-n)
		return false
	}
	return true
}

// job is one page in hand, and the buffers for the next one. Everything that
// grows with a page is charged to memory before it is allocated, until the page is
// with the client.
type job struct {
	memory  *memory
	charged int64
	work    giveway.Work
	turn    *turns // of large pages; nil: it has none

	body        []byte // as the app sent it; raw, or the connection's own buffer
	raw         []byte
	text        []byte          // decoded, where it was encoded
	out         []byte          // rewritten
	decided     decided         // what decides its bytes beside the app's
	urls        decided         // how the storage URLs in it are written
	kept        *findings       // what was found in it is kept; nil: it is not
	unchanged   func() bool     // see finished; nil: it is not to be finished
	finished    *finished       // what is sent; nil: out
	tag         []byte          // its entity tag
	packed      []byte          // encoded
	coding      *coding.Coding  // of the answer; nil: none
	place       page.Place      // where nulls may be filled in
	sought      page.Place      // where they are looked for: a page that has some is not kept
	nulls       bool            // there are some
	filled      int             // how many labels were
	signer      *signing.Signer // of all that were; nil: not known yet
	signedUntil int64           // when they expire
	found       page.Found
	known       []thumb.Known // of found.IDs
	cold        []coldLabel   // to start rendering
	ahead       []int         // of found.IDs: the captures that people step to from here
	prefetch    *prefetchRule // nil: nothing
	labels      labelCounts
	soonest     expiry
}

// chargeBuffers charges what the job's buffers hold from an earlier page, unless they were
// charged while they waited.
func (j *job) chargeBuffers() bool { return j.charge(int(j.buffered() - j.charged)) }

// buffered is how many bytes the buffers take.
func (j *job) buffered() int64 {
	return int64(cap(j.raw) + cap(j.text) + cap(j.out) + cap(j.packed) + j.found.Weight() + cap(j.known)*knownSize)
}

func (j *job) charge(n int) bool {
	if !j.memory.reserve(int64(n)) {
		return false
	}
	j.charged += int64(n)
	return true
}

func (j *job) uncharge(n int) {
	j.memory.take(-int64(n))
	j.charged -= int64(n)
}

// leave ends the job's turn, if it has one.
func (j *job) leave() {
	if j.turn != nil {
		j.turn.leave()
		j.turn = nil
	}
}

// reset gives everything back, but for the buffers.
func (j *job) reset() {
	j.leave()
	j.memory.take(-j.charged)
	j.charged = 0
	for _, buf := range j.buffers() {
		*buf = (*buf)[:0]
	}
	clear(j.known) // they hold on to paths
	j.body, j.coding = nil, nil
	j.place, j.sought, j.nulls, j.filled = page.Nowhere, page.Nowhere, false, 0
	j.signer = nil
	j.cold, j.ahead, j.prefetch = j.cold[:0], j.ahead[:0], nil
	j.labels = labelCounts{}
	j.soonest = expiry{}
	j.decided, j.urls = 0, 0
	j.kept, j.unchanged, j.finished = nil, nil, nil
	j.work.Begin() // the next page's is another piece of work
}

func (j *job) buffers() [4]*[]byte { return [...]*[]byte{&j.raw, &j.text, &j.out, &j.packed} }

// isLarge says whether some buffer is too large to wait for the next page whatever that is.
func (j *job) isLarge() bool {
	for _, buf := range j.buffers() {
		if cap(*buf) > keepBuffer {
			return true
		}
	}
	return j.found.Weight() > keepBuffer || cap(j.known)*knownSize > keepBuffer
}

// trim lets go of such buffers.
func (j *job) trim() {
	for _, buf := range j.buffers() {
		if cap(*buf) > keepBuffer {
			*buf = nil
		}
	}
	if j.found.Weight() > keepBuffer {
		j.found = page.Found{Between: j.found.Between}
	}
	if cap(j.known)*knownSize > keepBuffer {
		j.known = nil
	}
}

// grow makes room for size bytes in all.
func (j *job) grow(buf *[]byte, size int) bool {
	if size <= cap(*buf) {
		return true
	}
	size = (size + 4095) &^ 4095
	if !j.charge(size - cap(*buf)) {
		return false
	}
	*buf = append(make([]byte, 0, size), *buf...)
	return true
}

// fill reads all of a body into buf, whose length is known unless it is negative.
func (j *job) fill(buf *[]byte, body io.Reader, length, limit int64) error {
	*buf = (*buf)[:0]
	size := length
	if length < 0 {
		size = min(firstBuffer, limit+1)
	}
	for {
		if !j.grow(buf, int(size)) {
			return errMemory
		}
		for len(*buf) < cap(*buf) {
			room := (*buf)[len(*buf):cap(*buf)]
			if length >= 0 {
				room = room[:min(len(room), int(length)-len(*buf))]
				if len(room) == 0 {
					return nil
				}
			}
			n, err := body.Read(room[:min(len(room), mostRead)])
			*buf = (*buf)[:len(*buf)+n]
			j.work.Moved(n)
			if err == io.EOF && (length < 0 || len(*buf) == int(length)) {
				return j.within(*buf, limit)
			}
			if err != nil {
				return err
			}
		}
		if err := j.within(*buf, limit); err != nil {
			return err
		}
		size = min(2*int64(cap(*buf)), limit+1)
	}
}

// decode makes j.text of j.body. What comes out is bounded by limit however little went
// in.
func (j *job) decode(limit int64) error {
	if !j.charge(j.coding.Memory) {
		return errMemory
	}
	defer j.uncharge(j.coding.Memory)
	return j.coding.Decode(j.body, func(text io.Reader) error { return j.fill(&j.text, giving{text, &j.work}, -1, limit) })
}

// giving is a reader that computes what is read, and lets others in now and then.
type giving struct {
	io.Reader
	work *giveway.Work
}

// Read is io.Reader's.
func (g giving) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p[:min(len(p), giveway.Stretch)])
	g.work.Did(n)
	return n, err
}

// captures is how many captures the page refers to.
func (j *job) captures() int {
	if j.finished != nil {
		return len(j.kept.found.IDs())
	}
	return len(j.found.IDs)
}

// sum is the hash of the body that is sent, before it is encoded.
func (j *job) sum() uint64 {
	if j.finished != nil {
		return j.finished.sum
	}
	return xxhash.Sum64(j.out)
}

// encode makes j.packed of j.out. It says whether there was memory for that.
func (j *job) encode() bool {
	if !j.grow(&j.packed, len(j.out)) {
		return false
	}
	var err error
	j.packed, err = j.coding.Append(j.packed[:0], j.out, j.work.Did)
	return err == nil
}

func (j *job) within(buf []byte, limit int64) error {
	if int64(len(buf)) > limit {
		return errTooLarge
	}
	return nil
}

// knownSize is what a thumb.Known takes, roughly.
const knownSize = 96

// makeKnown makes room for what is known of each of the page's captures.
func (j *job) makeKnown() bool {
	n := len(j.found.IDs)
	if n > cap(j.known) {
		if !j.charge((n - cap(j.known)) * knownSize) {
			return false
		}
		j.known = make([]thumb.Known, n)
	}
	j.known = j.known[:n]
	return true
}
