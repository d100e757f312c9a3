package proxy

import (
	"errors"

	"github.com/thumbedge/thumbedge/proxy/page"
	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/wire"
)

// findings are what was found in a page that is kept: as much of the work on it as does not
// depend on what is warm now. They are attached to the page in the response cache and shared
// by all answers, so nothing of them may be written to. They are for those who would find
// the same again: with the same scanner, which a reload may exchange, and hosts.
type findings struct {
	scanner *page.Scanner
	hosts   [2]string // page.Hosts
	found   *page.Kept
	ahead   []int  // as job's
	text    []byte // decoded, where it was encoded
}

// Weight is responses.Made's.
func (m *findings) Weight() int64 {
	const fixed = 128 // the rest of it
	return int64(fixed + m.found.Weight() + cap(m.ahead)*8 + cap(m.text) + len(m.hosts[0]) + len(m.hosts[1]))
}

// look finds what may be written into the page, and returns its body, decoded.
func (p *pages) look(r *wire.Request, j *job, encoding []byte, entry *responses.Entry) ([]byte, passReason) {
	if isCoded(encoding) {
		if j.coding = p.codings.Of(encoding); j.coding == nil {
			return nil, reasonEncoding
		}
	}
	hosts := page.Hosts{r.AppHost(), r.ForwardedHost()}
	weight := j.found.Weight()
	if m := p.findingsOf(entry, hosts); m != nil {
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
	p.keepFindings(j, entry, hosts, body)
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
// one. A page with nulls to fill is not kept.
func (p *pages) keepFindings(j *job, e *responses.Entry, hosts page.Hosts, body []byte) {
	if e == nil || j.nulls {
		return
	}
	found := j.found.Keep()
	if found == nil {
		return
	}
	m := &findings{scanner: p.scanner, hosts: [2]string{string(hosts[0]), string(hosts[1])}, found: found}
	m.ahead = append(m.ahead, j.ahead...)
	if j.coding != nil && len(j.found.IDs) > 0 { // else nobody will want it
		m.text = append(m.text, body...)
	}
	p.passing.cache.Attach(e, m)
}
