package resolver_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// BenchmarkPage resolves a page that is in memory, with the URLs of three labels
// of each capture. By one goroutine, and by 16; processor time is the figure to look
// at, as it is the same on a machine that has other things to do.
func BenchmarkPage(b *testing.B) {
	for _, size := range []thumb.ID{20, 40, 500} {
		for _, goroutines := range []int{1, 16} {
			b.Run(fmt.Sprintf("captures=%d/goroutines=%d", size, goroutines), func(b *testing.B) {
				w := newWarmSet(b, &everyCapture{}, patient, sized(64<<20))
				fill(b, w, 1, 100_000)
				b.ReportAllocs()
				b.ResetTimer()
				before := cpuTime(b)
				var all sync.WaitGroup
				for g := range goroutines {
					all.Go(func() { resolvePages(b, w, size, thumb.ID(g), b.N/goroutines+1) })
				}
				all.Wait()
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/float64(size)/3, "cpu-ns/label")
			})
		}
	}
}

func resolvePages(b *testing.B, w *resolver.WarmSet, size, seed thumb.ID, pages int) {
	ids, answers, buf := make([]thumb.ID, size), make([]thumb.Known, size), make([]byte, 0, 256)
	for n := range thumb.ID(pages) {
		first := 1 + (seed*6151+n*size)%(100_000-size)
		for i := range ids {
			ids[i] = first + thumb.ID(i)
		}
		if err := w.Resolve(b.Context(), ids, answers); err != nil {
			b.Error(err)
		}
		for i := range answers {
			for position := range specs {
				buf, _ = w.AppendURL(buf[:0], ids[i], &answers[i], position)
			}
		}
	}
}

// cpuTime is the processor time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkMemory fills a warm set with 1,000,000 captures of three warm labels
// and reports what one of them takes: of live heap, of resident memory (the
// process before and after, with freed memory handed back), and by the warm set's
// own account. Then it shrinks it to 64 MiB, lets three times as many others push
// each other out, and reports what it takes of its cache.max_size: live heap, resident
// memory once freed memory is handed back, and resident memory as it is while it runs,
// with what the garbage collector leaves lying (GOGC).
//
//	go test -run '^$' -bench Memory -benchtime 1x ./resolver
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		const captures, size = 1_000_000, 64 << 20
		heapBefore, residentBefore := memory(b)
		w := newWarmSet(b, &everyCapture{}, patient, sized(256<<20))
		fill(b, w, 1, captures)
		state := w.State()
		if state.Captures != captures {
			b.Fatalf("only %d captures are held", state.Captures)
		}
		heap, resident := memory(b)
		b.ReportMetric(float64(heap-heapBefore)/captures, "heap-B/capture")
		b.ReportMetric(float64(resident-residentBefore)/captures, "resident-B/capture")
		b.ReportMetric(float64(state.Used)/captures, "accounted-B/capture")
		if err := w.Resize(size); err != nil {
			b.Fatal(err)
		}
		for round := range thumb.ID(4) {
			running := residentNow(b)
			heap, resident = memory(b)
			share := func(bytes int64) float64 { return 100 * float64(bytes) / size }
			b.ReportMetric(share(heap-heapBefore), fmt.Sprintf("heap-%%of-max-after-%d", round))
			b.ReportMetric(share(resident-residentBefore), fmt.Sprintf("resident-%%of-max-after-%d", round))
			b.ReportMetric(share(running-residentBefore), fmt.Sprintf("running-%%of-max-after-%d", round))
			fill(b, w, 1+(1+round)*captures, (2+round)*captures)
		}
		w.Close()
	}
}

// memory returns the live heap and the resident memory of this process, in bytes.
func memory(b *testing.B) (heap, resident int64) {
	b.Helper()
	debug.FreeOSMemory()
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc), residentNow(b)
}

func residentNow(b *testing.B) int64 {
	b.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
