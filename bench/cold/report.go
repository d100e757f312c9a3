package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// report prints what the rounds came to.
func report(out io.Writer, app, edge []figures) {
	fmt.Fprintf(out, "A cold gallery of %d captures × %d labels, 4096×2160 photos, %d cores, %d rounds of each (medians; lowest and highest).\n\n",
		captures, len(labels), runtime.NumCPU(), len(app))
	fmt.Fprintf(out, "| | the app itself, %d workers | thumbedge | ratio | to reach |\n|---|---|---|---|---|\n", workers)
	a, e := times(app, gallery), times(edge, gallery)
	fmt.Fprintf(out, "| until the last image is there | %s | %s | %.2f | ≤ 0.5 |\n", spread(a), spread(e), ratio(e, a))
	fmt.Fprintf(out, "| CPU time of thumbedge, from start to end | | %s | | |\n", spread(times(edge, cpu)))
	idleA, idleE := waits(app, idle), waits(edge, idle)
	busyA, busyE := waits(app, busy), waits(edge, busy)
	fmt.Fprintf(out, "| other traffic's p99, idle | %s | %s | | |\n", short(p99(idleA)), short(p99(idleE)))
	fmt.Fprintf(out, "| other traffic's p99 meanwhile | %s | %s | | |\n", short(p99(busyA)), short(p99(busyE)))
	fmt.Fprintf(out, "| meanwhile / idle | %.1f | %.1f | | ≤ 1.5 |\n", quotient(p99(busyA), p99(idleA)), quotient(p99(busyE), p99(idleE)))
	fmt.Fprintf(out, "| other traffic's median, idle | %s | %s | | |\n", short(middle(idleA)), short(middle(idleE)))
	fmt.Fprintf(out, "| other traffic's median meanwhile | %s | %s | | |\n", short(middle(busyA)), short(middle(busyE)))
}

func gallery(f figures) time.Duration { return f.gallery }
func cpu(f figures) time.Duration     { return f.cpu }
func idle(f figures) []time.Duration  { return f.idle }
func busy(f figures) []time.Duration  { return f.busy }

// times returns a figure of all rounds, sorted.
func times(rounds []figures, of func(figures) time.Duration) (all []time.Duration) {
	for _, f := range rounds {
		all = append(all, of(f))
	}
	slices.Sort(all)
	return all
}

// waits joins what visitors waited in all rounds, sorted: one round has too few
// for a percentile.
func waits(rounds []figures, of func(figures) []time.Duration) (all []time.Duration) {
	for _, f := range rounds {
		all = append(all, of(f)...)
	}
	slices.Sort(all)
	return all
}

// middle and p99 are of sorted times.
func middle(sorted []time.Duration) time.Duration { return at(sorted, 0.5) }
func p99(sorted []time.Duration) time.Duration    { return at(sorted, 0.99) }

func at(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(share*float64(len(sorted)-1))]
}

func ratio(a, b []time.Duration) float64 { return quotient(middle(a), middle(b)) }

func quotient(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func spread(sorted []time.Duration) string {
	return fmt.Sprintf("%s (%s–%s)", short(middle(sorted)), short(at(sorted, 0)), short(at(sorted, 1)))
}

func short(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
