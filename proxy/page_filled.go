package proxy

import (
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// filledTexts remembers what was put in the place of nulls last, for pages that are polled:
// until they are signed for another moment, the same takes each null's place, some 500 bytes for
// three labels. Signing them takes some twenty times as long on a processor without
// instructions for SHA-256. Nothing of it is used to verify, so that nobody can tell by the
// time that takes who was shown what.
type filledTexts [1 << 12]filledText

// filledText is the text that took a capture's null's place.
type filledText struct {
	sync.Mutex
	of   filledOf // the zero value is of no capture
	hash uint64   // of text, for the page's tag
	text []byte   // kept for the next one
}

// filledOf is all that decides a text, beside the configuration that filledTexts belongs to.
type filledOf struct {
	signer  *signing.Signer
	id      thumb.ID
	project int64
	until   int64
	labels  uint64 // that it has: a bit for each, by position
}

// slot returns where a capture's text is remembered, if it is. Captures of one page have ids
// that follow each other, as a rule, and so no slot in common.
func (t *filledTexts) slot(id thumb.ID) *filledText { return &t[uint64(id)%uint64(len(t))] }

// append appends a text and returns its hash, if it is remembered.
func (t *filledTexts) append(dst []byte, of *filledOf) (text []byte, hash uint64, ok bool) {
	slot := t.slot(of.id)
	slot.Lock()
	defer slot.Unlock()
	if slot.of != *of {
		return dst, 0, false
	}
	return append(dst, slot.text...), slot.hash, true
}

// remember remembers a text, and returns its hash.
func (t *filledTexts) remember(of *filledOf, text []byte) (hash uint64) {
	hash = xxhash.Sum64(text)
	slot := t.slot(of.id)
	slot.Lock()
	defer slot.Unlock()
	slot.of, slot.hash, slot.text = *of, hash, append(slot.text[:0], text...)
	return hash
}
