package proxy

import (
	"github.com/thumbedge/thumbedge/proxy/rates"
	"github.com/thumbedge/thumbedge/proxy/responses"
)

// lasting are the parts with a state of their own: what is kept, and who has how much of
// what is bounded. They outlive a configuration, whose bounds are set by methods. All else
// of a router never changes, and is made anew for each configuration.
type lasting struct {
	cache     *responses.Cache // nil: off
	memory    *memory
	jobs      *jobs
	turns     *turns
	fallbacks *fallbacks
	// requests and renders are Prepare's alone, and nil where there is no limit.
	requests, renders *rates.Limit
}

func newLasting(deps Deps) *lasting {
	l := &lasting{memory: new(memory), turns: newTurns(mostTurns()), fallbacks: newFallbacks(deps.Metrics.fallbacks)}
	l.jobs = newJobs(l.memory, deps.Metrics.pages.memory)
	return l
}

// adopt sets the bounds of a configuration, whose router has these limits.
func (l *lasting) adopt(cfg Config, own limits) {
	l.memory.limit.Store(cfg.Rewrite.Memory)
	l.fallbacks.bound(cfg.Upstream.MaxFallbacks, cfg.FallbackQueue)
	if l.cache != nil {
		l.cache.Change(cfg.Responses)
	}
	l.requests, l.renders = own.requests, own.renders
	own.requests.Change(cfg.Limits.Requests)
	own.renders.Change(cfg.Limits.Renders)
}

// tableOf returns the table of a rate: the one that there is, or a new one; nil for "".
func tableOf(present *rates.Limit, rate rates.Rate) *rates.Limit {
	if present == nil || rate == "" {
		return rates.New(rate)
	}
	return present
}

// close ends the cache. No request may be in hand.
func (l *lasting) close() {
	if l.cache != nil {
		l.cache.Close()
	}
}
