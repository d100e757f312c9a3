package proxy

import (
	"bytes"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/thumbedge/thumbedge/proxy/coding"
	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/wire"
)

// finished is what a kept page was sent as: it is sent again, byte for byte, for as long as
// nothing is notified of its captures, and it would be written and encoded in the same way.
// It takes as much memory as the page, so it is made only where two answers came out alike
// and there is spare room; and never of one that has a render to start.
type finished struct {
	unchanged func() bool // what was known of the page's captures still is
	urls      decided     // how storage URLs were written
	decided   decided     // of all of the page
	soonest   expiry
	labels    labelCounts
	size, sum uint64 // of the body before it was encoded: bytes, hash
	coding    *coding.Coding
	body      []byte
}

// weight is what it takes, in bytes.
func (f *finished) weight() int {
	const fixed = 256 // what unchanged holds, too
	if f == nil {
		return 0
	}
	return fixed + cap(f.body)
}

// repeat makes the page what it became the last time, if it would be the same now.
func (p *pages) repeat(r *wire.Request, j *job, m *findings) bool {
	if m == nil || m.finished == nil {
		return false
	}
	f := m.finished
	urls := p.resolver.PublicURLs()
	var written decided
	written.addURLs(&urls)
	if urls.None || written != f.urls || f.soonest.passed() || p.codingTo(r, j.coding, &f.soonest, int(f.size)) != f.coding || !f.unchanged() {
		return false
	}
	j.finished, j.coding, j.decided, j.soonest, j.labels = f, f.coding, f.decided, f.soonest, f.labels
	p.countLabels(&j.labels)
	p.countOthers(m.found.Others())
	return true
}

// watch has the captures of a page of size bytes watched from before they are resolved, if
// the page may be finished by this answer.
func (p *pages) watch(j *job, m *findings, size int) {
	if m != nil && m.last.Load() != 0 && p.passing.cache.Spare(m.Weight()+int64(size)) {
		j.unchanged = p.resolver.Watch(m.found.IDs())
	}
}

// finish keeps the body that is sent with what was found in the page, if it is what the last
// answer was.
func (p *pages) finish(j *job, m *findings, entry *responses.Entry, body []byte) {
	if m == nil || j.finished != nil {
		return
	}
	all := j.decided
	if j.coding != nil {
		all.addText([]byte(j.coding.Name))
	}
	if m.last.Swap(uint64(all)) != uint64(all) || j.unchanged == nil || j.labels[labelUnresolved] > 0 || len(j.cold) > 0 || len(j.ahead) > 0 {
		return
	}
	f := &finished{
		unchanged: j.unchanged, urls: j.urls, decided: j.decided, soonest: j.soonest, labels: j.labels,
		size: uint64(len(j.out)), sum: xxhash.Sum64(j.out), coding: j.coding, body: bytes.Clone(body),
	}
	p.passing.cache.AttachSpare(entry, m.with(f), m.with(nil))
}

// passed says whether a URL of the page has stopped to work.
func (e *expiry) passed() bool { return e.set && !time.Now().Before(e.at) }
