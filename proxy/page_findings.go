package proxy

import (
	"errors"
	"sync/atomic"

	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/proxy/responses"
)

// findings are what was found in a page that is kept: as much of the work on it as does not
// depend on what is warm now, and what became of it as long as that stays (finished). They
// are attached to the page in the response cache and shared by all answers, so nothing of
// them may be written to but last. They are for those who would find the same again: with
// the same scanner, which a reload may exchange, and hosts.
type findings struct {
	scanner *page.Scanner
	hosts   [2]string // page.Hosts
	found   *page.Kept
	ahead   []int  // as job's
	text    []byte // decoded, where it was encoded
	// finished is what the last answers were; nil: they were not alike, or few.
	finished *finished

	last atomic.Uint64 // what decided the last answer that was written; 0: none was
}

// with returns what was found together with what became of it; nil: nothing.
func (m *findings) with(f *finished) *findings {
	next := &findings{scanner: m.scanner, hosts: m.hosts, found: m.found, ahead: m.ahead, text: m.text, finished: f}
	next.last.Store(m.last.Load())
	return next
}

// Weight is responses.Made's.
func (m *findings) Weight() int64 {
	const fixed = 128 // the rest of it
	return int64(fixed + m.found.Weight() + cap(m.ahead)*8 + cap(m.text) + len(m.hosts[0]) + len(m.hosts[1]) + m.finished.weight())
}

// look finds what may be written into the page, and returns its body, decoded. What was
// found before is in m, unless that is nil.
func (p *pages) look(j *job, m *findings, hosts page.Hosts) ([]byte, passReason) {
	weight := j.found.Weight()
	if m != nil {
		j.found.Recall(m.found)
		j.ahead = append(j.ahead, m.ahead...)
		if !j.charge(j.found.Weight() - weight) {
			return nil, reasonMemory
		}
		if j.coding != nil {
			return m.text, ""
		}
		return j.body, ""
	}
	body, reason := p.decoded(j)
	if reason != "" {
		return nil, reason
	}
	whole := p.scanner.ScanAt(&j.found, body, hosts, j.sought)
	if j.nulls = len(j.found.Nulls) > 0; j.place == page.Nowhere {
		j.found.Nulls = j.found.Nulls[:0]
	}
	if whole {
		j.findNeighbours(body)
	}
	switch {
	case !j.charge(j.found.Weight() - weight):
		return nil, reasonMemory
	case !whole:
		return nil, reasonNotJSON
	}
	return body, ""
}

// decoded returns what was read, decoded where it came encoded.
func (p *pages) decoded(j *job) ([]byte, passReason) {
	if j.coding == nil {
		return j.body, ""
	}
	switch err := j.decode(p.maxBody); {
	case errors.Is(err, errTooLarge):
		return nil, reasonTooLarge
	case errors.Is(err, errMemory):
		return nil, reasonMemory
	case err != nil:
		return nil, reasonEncoding
	}
	return j.text, ""
}

// findingsOf returns what was found in the body of an entry; nil: nobody has looked.
func (p *pages) findingsOf(e *responses.Entry, hosts page.Hosts) *findings {
	if e == nil {
		return nil
	}
	m, _ := e.Made().(*findings)
	if m == nil || m.scanner != p.scanner || m.hosts[0] != string(hosts[0]) || m.hosts[1] != string(hosts[1]) {
		return nil
	}
	return m
}

// keepFindings attaches what was found to the entry whose body it was found in, if there is
// one, and returns it. A page with nulls to fill is not kept.
func (p *pages) keepFindings(j *job, e *responses.Entry, hosts page.Hosts, body []byte) *findings {
	if e == nil || j.nulls {
		return nil
	}
	found := j.found.Keep()
	if found == nil {
		return nil
	}
	m := &findings{scanner: p.scanner, hosts: [2]string{string(hosts[0]), string(hosts[1])}, found: found}
	m.ahead = append(m.ahead, j.ahead...)
	if j.coding != nil && len(j.found.IDs) > 0 { // else nobody will want it
		m.text = append(m.text, body...)
	}
	p.passing.cache.Attach(e, m)
	return m
}
