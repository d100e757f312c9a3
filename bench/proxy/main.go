// Command proxy measures what a response of the capture API costs on its way
// through: nginx passing it on, nginx rewriting it by Lua, Go's own reverse proxy,
// and thumbedge passing it on and rewriting it; and out of the caches of nginx and
// thumbedge. They run one after another, ten
// rounds, each with one worker, in front of the same nginx that serves a thousand
// different pages in turn, under the same load of 16 connections from wrk; the rows
// "500 pages" under a load of 32 connections that asks for 500 pages. It prints Markdown.
//
//	go run ./bench/proxy
//	go run ./bench/proxy -only "500 pages"
//	go run ./bench/proxy -only "^thumbedge, untouched$|from its cache" # a kept page beside passing through
//
// Where the time of a rewritten page goes, by perf: 30 % into system calls, five of them,
// most of it for copying; 16 % into 40 look-ups in ristretto, which wait for memory, as no
// cache holds the entries of so many pages asked for in turn, and 5 % into its counting of
// reads (both only where a page was not asked for in this quarter of a second already); 16 % into finding the members, of it a third into telling bytes apart; 10 % into
// writing 68 KB with 120 URLs in them; 5 % into the access log. The rest is memory that the
// kernel finds cold, and waking the other core: a server that is the bottleneck leaves its
// peers idle, and pays for that. So there is a second table, of all servers at one rate.
//
// It needs Debian's nginx, libnginx-mod-http-lua and wrk. CPU is the server
// process's own, from /proc, so that what else the machine does matters little; the
// median of the rounds counts.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

type options struct {
	page     string
	rounds   int
	duration time.Duration
	paced    time.Duration
	nginx    string
	modules  string
	only     *regexp.Regexp
	memory   string // a folder in memory
}

func main() {
	log.SetFlags(0)
	var o options
	serve := flag.String("serve", "", "be one of the contestants (internal)")
	upstream := flag.String("upstream", "", "address of the app (internal)")
	flag.StringVar(&o.page, "page", "bench/testdata/page_40_captures.json", "the page that the others are made after")
	flag.IntVar(&o.rounds, "rounds", 10, "rounds; the median counts")
	flag.DurationVar(&o.duration, "duration", 2*time.Second, "of the load on each server in each round")
	flag.DurationVar(&o.paced, "paced", 10*time.Second, "of the measurement of latency at half the load; 0: none")
	flag.StringVar(&o.nginx, "nginx", "nginx", "nginx's program")
	flag.StringVar(&o.modules, "modules", "/usr/lib/nginx/modules", "where nginx's Lua modules are")
	only := flag.String("only", "", "run the servers whose name this regular expression finds, and the nginx that they are compared to")
	flag.Parse()
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		log.Fatal(err)
	}
	if *serve != "" {
		err = serveAs(*serve, *upstream)
	} else {
		err = compare(o, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// sample is what one server did in one round.
type sample struct {
	cpu      float64 // microseconds a request
	rate     float64 // requests a second
	p50, p99 time.Duration
	resident float64 // MiB
}

func compare(o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "bench-proxy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.memory, err = os.MkdirTemp("/dev/shm", "bench-proxy"); err != nil {
		return err
	}
	defer os.RemoveAll(o.memory)
	page, err := os.ReadFile(o.page)
	if err != nil {
		return fmt.Errorf("reading the page (run this from the repository's root): %w", err)
	}
	if err := writePages(dir, page); err != nil {
		return err
	}
	app, err := startApp(o, dir)
	if err != nil {
		return err
	}
	defer app.stop()
	samples, running := map[string][]sample{}, chosen(o.only)
	for round := range o.rounds {
		for _, c := range running {
			log.Printf("round %d: %s", round+1, c.name)
			s, err := measure(o, dir, app.addr, c, page)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			samples[c.name] = append(samples[c.name], s)
		}
	}
	printTable(out, len(page), running, samples)
	if o.paced == 0 || !running[0].paced {
		return nil
	}
	return compareLatency(o, dir, app.addr, out, samples)
}

// measure starts a server, checks that it does its job, and loads it.
func measure(o options, dir, app string, c contestant, page []byte) (sample, error) {
	server, err := c.start(o, dir, app)
	if err != nil {
		return sample{}, err
	}
	defer server.stop()
	if err := c.check(server.addr, page); err != nil {
		return sample{}, err
	}
	if err := c.askAll(server.addr); err != nil { // so that no page is a first one, however slow the machine
		return sample{}, err
	}
	if _, err := load(dir, server, c, time.Second); err != nil { // warm
		return sample{}, err
	}
	return load(dir, server, c, o.duration)
}

func median(samples []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	return middle(values)
}

// middle is the median.
func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func printTable(out io.Writer, size int, running []contestant, samples map[string][]sample) {
	fmt.Fprintf(out, "Responses of %d bytes, the access log on, one worker each; medians of %d rounds, and the spread of the ratio.\n\n", size, len(samples[running[0].name]))
	fmt.Fprintln(out, "| server | CPU a request | × nginx | spread | × passing through | requests/s | p50 | p99 | resident |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	var base, through []sample // which the others are compared to
	for _, c := range running {
		s := samples[c.name]
		if c.isBase() {
			base = s
		}
		if strings.HasPrefix(c.name, "thumbedge, untouched") {
			through = s
		}
		toNginx, toThrough := ratios(s, base), "" // of a server that has run before
		if through != nil {
			toThrough = fmt.Sprintf("%.2f", middle(ratios(s, through)))
		}
		fmt.Fprintf(out, "| %s | %.1f µs | %.2f | %.2f–%.2f | %s | %.0f | %s | %s | %.0f MiB |\n", c.name,
			median(s, func(s sample) float64 { return s.cpu }),
			middle(toNginx), slices.Min(toNginx), slices.Max(toNginx), toThrough,
			median(s, func(s sample) float64 { return s.rate }),
			milliseconds(time.Duration(median(s, func(s sample) float64 { return float64(s.p50) }))),
			milliseconds(time.Duration(median(s, func(s sample) float64 { return float64(s.p99) }))),
			median(s, func(s sample) float64 { return s.resident }))
	}
}

// ratios are those of the CPU in each round.
func ratios(samples, base []sample) []float64 {
	var r []float64
	for i := range samples {
		r = append(r, samples[i].cpu/base[i].cpu)
	}
	return r
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// compareLatency loads each server with half of what the slowest of nginx and
// thumbedge can do, and prints what it adds.
func compareLatency(o options, dir, app string, out io.Writer, samples map[string][]sample) error {
	paced := slices.DeleteFunc(slices.Clone(contestants), func(c contestant) bool { return !c.paced })
	slowest := slices.MinFunc(paced, func(a, b contestant) int {
		rate := func(s sample) float64 { return s.rate }
		return cmp.Compare(median(samples[a.name], rate), median(samples[b.name], rate))
	})
	rate := median(samples[slowest.name], func(s sample) float64 { return s.rate }) / 2
	fmt.Fprintf(out, "\nAt the same load, %.0f requests a second, half of what the slowest of them can do.\n\n", rate)
	fmt.Fprintln(out, "| server | CPU a request | × nginx | p50 | p99 |\n|---|--:|--:|--:|--:|")
	direct, err := pace(app, paths.plain, rate, o.paced)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "| none | | | %s | %s |\n", milliseconds(direct.p50), milliseconds(direct.p99))
	nginx := 0.0
	for i, c := range paced {
		log.Printf("latency: %s", c.name)
		server, err := c.start(o, dir, app)
		if err != nil {
			return err
		}
		_, err = load(dir, server, c, 2*time.Second) // warm
		var l latency
		before, _ := server.cpu()
		if err == nil {
			l, err = pace(server.addr, c.path, rate, o.paced)
		}
		after, cpuErr := server.cpu()
		server.stop()
		err = errors.Join(err, cpuErr)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		cpu := float64((after - before).Microseconds()) / float64(l.answers)
		if i == 0 {
			nginx = cpu
		}
		fmt.Fprintf(out, "| %s | %.1f µs | %.2f | %s | %s |\n", c.name, cpu, cpu/nginx, milliseconds(l.p50), milliseconds(l.p99))
	}
	return nil
}
