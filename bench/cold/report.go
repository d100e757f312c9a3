package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// report prints what the rounds of the app, of thumbedge with every core always and of
// thumbedge as it is came to.
func report(out io.Writer, app, every, edge []figures) {
	fmt.Fprintf(out, "A cold gallery of %d captures × %d labels, 4096×2160 photos, %d cores, %d rounds of each (medians; lowest and highest).\n\n",
		captures, len(labels), runtime.NumCPU(), len(app))
	fmt.Fprintf(out, "| | the app itself, %d workers | thumbedge, every core always | thumbedge | to reach |\n|---|---|---|---|---|\n", workers)
	row := func(name, reach string, cell func(rounds []figures) string) {
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", name, cell(app), cell(every), cell(edge), reach)
	}
	beside := func(of func(figures) time.Duration) func(rounds []figures) string {
		return func(rounds []figures) string {
			return fmt.Sprintf("%s; %.2f ×", spread(times(rounds, of)), ratio(times(rounds, of), times(app, of)))
		}
	}
	row("until the last image is there", "≤ 0.5 ×", beside(gallery))
	row("the same among other visitors", "", beside(among))
	row("CPU time of the app or of thumbedge, from start to end", "", func(rounds []figures) string { return spread(times(rounds, cpu)) })
	for _, share := range []struct {
		name  string
		of    func(sorted []time.Duration) time.Duration
		reach string
	}{{"p99", p99, "≤ 3"}, {"median", middle, ""}} {
		row("other visitors' "+share.name+", idle", "", func(rounds []figures) string { return short(share.of(waits(rounds, idle))) })
		row("the same meanwhile", "", func(rounds []figures) string { return short(share.of(waits(rounds, busy))) })
		row("meanwhile / idle (of all rounds; lowest and highest round)", share.reach, func(rounds []figures) string {
			var each []float64
			for _, f := range rounds {
				each = append(each, quotient(share.of(waits([]figures{f}, busy)), share.of(waits([]figures{f}, idle))))
			}
			return fmt.Sprintf("%.1f (%.1f–%.1f)", quotient(share.of(waits(rounds, busy)), share.of(waits(rounds, idle))), slices.Min(each), slices.Max(each))
		})
	}
}

func gallery(f figures) time.Duration { return f.gallery }
func among(f figures) time.Duration   { return f.among }
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
