package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What large pages leave behind for the next one is charged to rewrite.memory, once, and
// goes when it is over or when a page needs the room: whatever lies there, pages get all of
// rewrite.memory.
func TestBuffersThatWaitAreCharged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 64 << 20
		held, gauge := new(memory), prometheus.NewGauge(prometheus.GaugeOpts{})
		held.limit.Store(limit)
		s := newJobs(held, gauge)
		want := func(when string, used int64) {
			t.Helper()
			if held.used.Load() != used || int64(count(gauge)) != used {
				t.Errorf("%s %d bytes are charged and %d shown, want %d", when, held.used.Load(), count(gauge), used)
			}
		}
		// after leaves the buffers of pages of that size behind.
		after := func(pages, size int) (left int64) {
			jobs := make([]*job, pages)
			for i := range jobs {
				jobs[i] = s.get(true)
				if !jobs[i].chargeBuffers() || !jobs[i].grow(&jobs[i].raw, size) {
					t.Fatal("there is no room for a page")
				}
			}
			for _, j := range jobs {
				s.put(j)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, j := range s.large {
				left += j.buffered()
			}
			return left
		}
		left := after(mostLarge, 16<<20)
		want("after two pages", left)
		if left < mostLarge*16<<20 {
			t.Errorf("they left only %d bytes", left)
		}
		want("after two more in the same buffers", after(mostLarge, 16<<20))
		time.Sleep(keepLarge)
		synctest.Wait()
		want("when their time is over", 0)

		after(mostLarge, 16<<20)
		if !held.reserve(limit) {
			t.Error("a page does not get what nobody uses")
		}
		if len(s.large) != 0 || held.used.Load() != limit {
			t.Errorf("%d jobs wait beside a page that has taken all, and %d bytes are charged", len(s.large), held.used.Load())
		}
		held.take(-limit)

		j := s.get(true)
		if !j.grow(&j.raw, limit/2) {
			t.Fatal("there is no room for a page")
		}
		if !held.reserve(limit - j.charged) {
			t.Fatal("nor for another")
		}
		held.take(j.charged - limit)
		held.limit.Store(limit / 4) // a reload
		s.put(j)
		want("of a page that is larger than all by then", 0)
	})
}
