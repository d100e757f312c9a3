package resolver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// BenchmarkCurve reports what the size curve takes: of processor time, beside what
// looking the same pages up takes, with the URLs of three labels and without; and of
// memory. Once while all that is asked for is held, and once while the warm set,
// and most miniatures, are full.
//
//	go test -run '^$' -bench Curve -benchtime 1x ./resolver
func BenchmarkCurve(b *testing.B) {
	trace := pollingTrace(200_000, 100, 1)
	for _, mib := range []int64{8, 64, 256} {
		b.Run(fmt.Sprintf("size=%dMiB", mib), func(b *testing.B) {
			for b.Loop() {
				w := newWarmSet(b, &everyCapture{}, patient, sized(mib<<20))
				pages := func(each func(ids []thumb.ID, answers []thumb.Known)) time.Duration {
					answers := make([]thumb.Known, pageSize)
					ids := make([]thumb.ID, pageSize)
					before := cpuTime(b)
					for _, first := range trace {
						for i := range ids {
							ids[i] = first + thumb.ID(i)
						}
						each(ids, answers)
					}
					return (cpuTime(b) - before) / time.Duration(len(trace))
				}
				resolve := func(ids []thumb.ID, answers []thumb.Known) {
					if err := w.Resolve(b.Context(), ids, answers); err != nil {
						b.Fatal(err)
					}
				}
				pages(resolve)
				lookUp := pages(resolve)
				var buf []byte
				urls := pages(func(ids []thumb.ID, answers []thumb.Known) {
					resolve(ids, answers)
					for i := range answers {
						for position := range specs {
							buf, _ = w.AppendURL(buf[:0], ids[i], &answers[i], position)
						}
					}
				})
				curve := pages(w.ShowCurve)
				b.ReportMetric(float64(curve), "curve-ns/page")
				b.ReportMetric(float64(lookUp-curve), "lookup-ns/page")
				b.ReportMetric(100*float64(curve)/float64(lookUp-curve), "%-of-lookup")
				b.ReportMetric(100*float64(curve)/float64(urls-curve), "%-of-lookup-with-urls")
				w.Close()
			}
		})
	}
}
