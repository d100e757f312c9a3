package imaging

import (
	"cmp"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// count adds to what is taken. The caller holds mu.
func (g *gate) count(p *place, places int, bytes int64) {
	g.taken += places
	g.held += bytes
	add := func(s share) share {
		s.places += places
		s.bytes += bytes
		if places > 0 {
			s.last = g.admits
		}
		return s
	}
	g.byHost[p.host] = add(g.byHost[p.host])
	g.byClient[p.client] = add(g.byClient[p.client])
	g.lines.moved(p.client)
}

// line has a place wait in its client's line. The caller holds mu.
func (g *gate) line(p *place) {
	if g.lines == nil {
		g.byHost, g.byClient, g.waiting = map[string]share{}, map[thumb.Client]share{}, map[*job]*place{}
		g.lines = newLines(g.before)
	}
	p.client = p.job.of()
	p.line = g.lines.add(p.client, p.host, p.job.number, p)
	g.waiting[p.job] = p
}

// unline takes a place out of its line. The caller holds mu.
func (g *gate) unline(p *place) {
	g.lines.remove(p.line, p.job.number)
	delete(g.waiting, p.job)
}

// tidy forgets the host and the client of a place that is given back or given up,
// where nothing else is in or waits of them. The caller holds mu.
func (g *gate) tidy(p *place) {
	g.tidyHost(p.host)
	g.tidyClient(p.client)
}

func (g *gate) tidyHost(host string) {
	if g.byHost[host].places == 0 && g.lines.byHost[host] == nil {
		delete(g.byHost, host)
	}
}

func (g *gate) tidyClient(client thumb.Client) {
	if g.byClient[client].places == 0 && g.lines.byClient[client] == nil {
		delete(g.byClient, client)
	}
}

// within says whether the host of a place may have it. The caller holds mu.
func (g *gate) within(p *place) bool {
	s := g.byHost[p.host]
	if !g.fair || p.host == "" || s.places == 0 {
		return true
	}
	return s.places < g.places-g.taken && (g.bytes == 0 || s.bytes+p.bytes <= g.bytes-g.held)
}

// fits says whether there is room for a place. The caller holds mu.
func (g *gate) fits(p *place) bool {
	places := g.room()
	if p.client == thumb.Nobody {
		places -= g.spared
	}
	return g.taken < places && (g.bytes == 0 || g.taken == 0 || g.held+p.bytes <= g.bytes)
}

// room is how many places there are just now.
func (g *gate) room() int {
	if g.busy != nil && g.places > 1 && g.busy() {
		return g.places - 1
	}
	return g.places
}

// busyEvery is how often it is looked whether busy is over, while somebody waits for the
// place that is left free.
const busyEvery = 20 * time.Millisecond

// watch looks at the line again in a while, where a place is free that is not given. The
// caller holds mu.
func (g *gate) watch() {
	if g.busy == nil || g.watched || g.taken >= g.places {
		return
	}
	g.watched = true
	time.AfterFunc(busyEvery, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.watched = false
		g.admit()
	})
}

// before says whether the first of a line is let in before that of another. The caller
// holds mu.
func (g *gate) before(a, b *line[*place]) bool {
	if a.client != b.client {
		if a.client == thumb.Nobody || b.client == thumb.Nobody {
			return b.client == thumb.Nobody
		}
		if order := g.byClient[a.client].compare(g.byClient[b.client]); order != 0 {
			return order < 0
		}
	}
	return cmp.Or(g.byHost[a.host].compare(g.byHost[b.host]), cmp.Compare(a.oldest().number, b.oldest().number)) < 0
}

// compare puts first who holds fewer places, then who was let in longer ago.
func (s share) compare(other share) int {
	return cmp.Or(cmp.Compare(s.places, other.places), cmp.Compare(s.last, other.last))
}

// reorder has a job that has become another client's wait in that one's line.
func (g *gate) reorder(j *job) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.waiting[j]
	if p == nil {
		return
	}
	was := p.client
	g.unline(p)
	g.line(p)
	g.tidyClient(was)
	g.admit()
}

// first returns the place that is let in next, of those whose hosts may have more. The
// caller holds mu.
func (g *gate) first() *place {
	var first *line[*place]
	for _, host := range g.lines.byHost {
		l := host.first()
		g.lines.compared++
		if g.within(l.oldest().what) && (first == nil || g.before(l, first)) {
			first = l
		}
	}
	if first == nil {
		return nil
	}
	return first.oldest().what
}

// admit lets in whoever is first while there is room. The caller holds mu.
func (g *gate) admit() {
	for g.taken < g.places && len(g.waiting) > 0 {
		p := g.first()
		if p == nil {
			return
		}
		if !g.fits(p) {
			g.watch()
			return
		}
		g.admits++
		g.unline(p)
		g.count(p, 1, p.bytes)
		close(p.admitted)
	}
}
