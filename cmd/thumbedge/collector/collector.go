// Package collector keeps the process near the size of what it really holds.
//
// Go lets garbage lie until there is as much of it as of what is held. For a warm set of
// some hundred megabytes that is as much again, and none of it is ever needed: a page
// leaves little behind. So the collector runs sooner, as often as it may for a bounded
// share of one processor: the less garbage is made, the less is left lying. Where a lot
// is made (thumbnails are rendered), it comes to what Go does by itself. And when little is
// made, what lies there already is collected, and handed back to the system.
package collector

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	every = 500 * time.Millisecond
	// share of one processor that collecting may take.
	share = 0.02
	// least is how much garbage may lie there in any case, in bytes: a small process
	// gains nothing by having less.
	least = 8 << 20
	// usual is Go's own: as much garbage as there is live heap, in percent.
	usual = 100
	// fading is how much of the last samples a new one replaces.
	fading = 0.1
)

// Run adjusts Go's garbage collector to how much garbage is made, until ctx ends. Where
// the operator has set GOGC, it does nothing; GOMEMLIMIT holds beside it. It is for the one goroutine of
// a process that does so.
func Run(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	defer debug.SetGCPercent(usual)
	p := pace{percent: usual, last: read()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		percent, tidy := p.observe(read(), every)
		if percent != 0 {
			debug.SetGCPercent(percent)
		}
		if tidy {
			debug.FreeOSMemory()
		}
	}
}

// sample is what the runtime tells of itself.
type sample struct {
	allocated float64 // bytes, ever
	live      float64 // bytes that the last collection found in use
	lying     float64 // bytes that are garbage by now, or free and not handed back
	spent     float64 // seconds of processor time that collecting has taken, ever
	cycles    float64 // collections, ever
}

func read() sample {
	m := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(m)
	bytes := func(i int) float64 { return float64(m[i].Value.Uint64()) }
	return sample{
		allocated: bytes(0), live: bytes(1), lying: max(0, bytes(2)-bytes(1)) + bytes(3),
		spent: m[4].Value.Float64(), cycles: bytes(5),
	}
}

// pace decides how often to collect.
type pace struct {
	last    sample
	rate    float64 // bytes allocated a second, lately
	cost    float64 // seconds of processor time that a collection takes, lately
	percent int
	tidied  time.Duration // since the heap was last tidied
}

// observe takes what the runtime tells after another while. It returns the percentage of
// the live heap that is to be left lying from now on, 0 for no change, and whether to
// collect and hand back what lies there already.
func (p *pace) observe(s sample, while time.Duration) (percent int, tidy bool) {
	last := p.last
	p.last = s
	p.tidied += while
	p.rate += fading * ((s.allocated-last.allocated)/while.Seconds() - p.rate)
	if n := s.cycles - last.cycles; n > 0 {
		p.cost = (s.spent - last.spent) / n
	}
	lying := max(least, p.rate*p.cost/share)
	wanted := int(min(usual, max(1, 100*lying/max(1, s.live))))
	if tidy = wanted < usual && s.lying > 2*lying && p.tidied.Seconds() > max(10, p.cost/share); tidy {
		p.tidied = 0
	}
	if 4*wanted < 3*p.percent || 3*wanted > 4*p.percent || wanted == usual && p.percent != usual {
		p.percent = wanted
		return wanted, tidy
	}
	return 0, tidy
}
