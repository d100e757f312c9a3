package signing

import "sync"

// recent remembers what was signed last, for pages that are polled: within a lifetime's
// half each page is signed for the same moment. A signature takes two blocks of SHA-256,
// some 0.6 µs on a processor without instructions for it and a third of that with them;
// one that is remembered takes a tenth. It is not used to verify, so that nobody can tell
// by the time that takes who was shown what.
type recent [1 << 13]signed

// signed is a signature of the first key.
type signed struct {
	sync.Mutex
	permission Permission // the zero value is of no capture
	expiry     int64
	length     int // of text, which is what Append appends
	text       [longest]byte
}

const longest = len("expires=-9223372036854775808&signature=") + encoded

// slot returns where a permission's signature is remembered, if it is.
func (r *recent) slot(p Permission) *signed {
	label := uint64(len(p.Label))
	if label > 0 {
		label = label<<8 | uint64(p.Label[0])
	}
	return &r[(p.ID.Hash()+label*0x9e3779b97f4a7c15>>32)%uint64(len(r))]
}
