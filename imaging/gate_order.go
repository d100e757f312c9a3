package imaging

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// count adds to what is taken. The caller holds mu.
func (g *gate) count(p *place, places int, bytes int64) {
	g.taken += places
	g.held += bytes
	if g.byHost == nil {
		g.byHost, g.byClient = map[string]share{}, map[thumb.Client]share{}
	}
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
}

// tidy forgets the host and the client of a place that is given back or given up,
// where nothing else is in or waits of them. The caller holds mu.
func (g *gate) tidy(p *place) {
	g.tidyHost(p.host)
	g.tidyClient(p.client)
	g.tidyClient(p.job.of())
}

func (g *gate) tidyHost(host string) {
	waits := func(p *place) bool { return p.host == host }
	if g.byHost[host].places == 0 && !slices.ContainsFunc(g.waiting, waits) {
		delete(g.byHost, host)
	}
}

func (g *gate) tidyClient(client thumb.Client) {
	waits := func(p *place) bool { return p.job.of() == client }
	if g.byClient[client].places == 0 && !slices.ContainsFunc(g.waiting, waits) {
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
	if p.job.prefetch() {
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

// before says whether p is let in before other. The caller holds mu.
func (g *gate) before(p, other *place) bool {
	if a, b := p.job.prefetch(), other.job.prefetch(); a != b {
		return b
	}
	if a, b := p.job.of(), other.job.of(); a != b {
		if order := g.byClient[a].compare(g.byClient[b]); order != 0 {
			return order < 0
		}
	}
	return cmp.Or(g.byHost[p.host].compare(g.byHost[other.host]), cmp.Compare(p.job.number, other.job.number)) < 0
}

// compare puts first who holds fewer places, then who was let in longer ago.
func (s share) compare(other share) int {
	return cmp.Or(cmp.Compare(s.places, other.places), cmp.Compare(s.last, other.last))
}

// reorder looks at the line again after a job has become another client's.
func (g *gate) reorder() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for client := range maps.Keys(g.byClient) {
		g.tidyClient(client) // the one whose job it was
	}
	g.admit()
}

// admit lets in whoever is first while there is room. The caller holds mu.
func (g *gate) admit() {
	for {
		first := -1
		for i, p := range g.waiting {
			if g.within(p) && (first < 0 || g.before(p, g.waiting[first])) {
				first = i
			}
		}
		if first < 0 {
			return
		}
		if !g.fits(g.waiting[first]) {
			g.watch()
			return
		}
		p := g.waiting[first]
		p.client = p.job.of()
		g.admits++
		g.count(p, 1, p.bytes)
		g.waiting = slices.Delete(g.waiting, first, first+1)
		close(p.admitted)
	}
}
