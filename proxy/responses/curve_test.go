//go:build !race

// The race detector makes sync.Pool, which ristretto reads through, forget at random.

package responses

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sort"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cespare/xxhash/v2"
)

// asked is a request for one of the answers of a trace.
type asked struct{ answer, size int }

// traces are requests by Zipf's law, for answers whose sizes differ by a thousand times.
var traces = map[string]func(n, answers int, seed uint64) []asked{
	"mixed": func(n, answers int, seed uint64) []asked {
		return mixedTrace(n, answers, seed, rand.New(rand.NewPCG(seed, 9)).Perm)
	},
	// What is asked for most is small, as scripts are beside pictures.
	"small ones first": func(n, answers int, seed uint64) []asked { return mixedTrace(n, answers, seed, inOrder) },
	"a scan":           scanTrace,
}

// mixedTrace asks for answers of which most are small, and few are large; order says which
// of them are asked for most.
func mixedTrace(n, answers int, seed uint64, order func(int) []int) []asked {
	rnd := rand.New(rand.NewPCG(seed, 0))
	weight, total := make([]float64, answers), 0.0
	for i := range weight {
		total += 1 / math.Pow(float64(i+1), 0.9)
		weight[i] = total
	}
	ordered := order(answers)
	trace := make([]asked, n)
	for i := range trace {
		answer := ordered[sort.SearchFloat64s(weight, rnd.Float64()*total)]
		trace[i] = asked{answer, int(300 * math.Pow(3000, float64(answer)/float64(answers)))} // bytes: up to 900 KiB
	}
	return trace
}

func inOrder(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// scanTrace is a mixedTrace in whose midst somebody goes through some answers of 60 KiB
// again and again.
func scanTrace(n, answers int, seed uint64) []asked {
	rnd := rand.New(rand.NewPCG(seed, 1))
	trace := mixedTrace(n, answers, seed, rnd.Perm)
	for i, at := 0, 0; i < n; i++ {
		if rnd.IntN(3) == 0 {
			trace[i] = asked{answers + at%(answers/8), 60 << 10}
			at++
		}
	}
	return trace
}

// traced is a cache that was asked for all of a trace, one request every 5 ms, and what it
// found.
type traced struct {
	*Cache
	found, bytes, of float64
}

// largest is what every body is a part of: the cache goes by what they take, not by what is
// in them.
var largest = make([]byte, 1<<20)

func follow(t *testing.T, trace []asked, size int64, life time.Duration) traced {
	t.Helper()
	cfg := Defaults()
	cfg.MaxSize, cfg.MaxObject = size, size/4
	c, err := New(cfg, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	told := traced{Cache: c}
	for _, a := range trace {
		key := "http://site.test/" + strconv.Itoa(a.answer)
		hash := xxhash.Sum64String(key)
		now := time.Now()
		var e *Entry
		if held := c.store.find(hash, []byte(key)); held != nil && held.entries[0].left(now) > 0 {
			e = held.entries[0]
			told.found++
			told.bytes += float64(a.size)
		}
		told.of += float64(a.size)
		found := e != nil
		if !found {
			e = &Entry{key: key, hash: hash, received: now, life: life}
			e.finish(largest[:a.size:a.size])
			c.store.add(hash, e, func(*Entry) bool { return true })
		}
		c.tell(e, found, false, now)
		time.Sleep(5 * time.Millisecond)
	}
	synctest.Wait()
	told.found /= float64(len(trace))
	told.bytes /= told.of
	return told
}

// What the curve of one cache says of other sizes is what caches of those sizes find, of
// requests and of bytes. With THUMBEDGE_CURVE_REQUESTS (make bench-curve) there are so many
// requests, for more than miniatures can hold undiminished.
func TestCurve(t *testing.T) {
	n, answers, size, seeds := 8000, 3000, int64(32<<20), uint64(1)
	lives := []time.Duration{time.Hour}
	if text := os.Getenv("THUMBEDGE_CURVE_REQUESTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		answers, size, seeds, lives = 30_000, 256<<20, 2, append(lives, 20*time.Second)
	}
	for name, trace := range traces {
		for _, life := range lives {
			for seed := range seeds {
				t.Run(fmt.Sprintf("%s/%v/%d", name, life, 1+seed), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { curveIsRight(t, trace(n, answers, 1+seed), size, life) })
				})
			}
		}
	}
}

func curveIsRight(t *testing.T, trace []asked, size int64, life time.Duration) {
	const within = 0.06 // where the curve is steep, two real caches of one size differ by half of that
	drawn := follow(t, trace, size, life).Curve()
	for _, s := range drawn.Sizes {
		real := follow(t, trace, s.MaxSize, life)
		t.Logf("%6.4f times: requests %.3f, really %.3f (%+.3f); bytes %.3f, really %.3f (%+.3f)",
			s.Times, s.Requests, real.found, s.Requests-real.found, s.Bytes, real.bytes, s.Bytes-real.bytes)
		if math.Abs(s.Requests-real.found) > within || math.Abs(s.Bytes-real.bytes) > within {
			t.Errorf("at %v times the size it says %+v, a real cache finds %.3f, and %.3f of the bytes", s.Times, s, real.found, real.bytes)
		}
	}
	t.Log(drawn.Advice)
}

// What is asked for anew once it is not fresh any more, or not to be had from memory at any
// size, is no reason for another size.
func TestCurveFollows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		life   time.Duration
		anyway bool
		clear  bool
		want   float64 // of the second request, at eight times the size
	}{
		"kept":         {time.Hour, false, false, 1},
		"expired":      {2 * time.Second, false, false, 0},
		"a year fresh": {365 * 24 * time.Hour, false, false, 1},
		"changed":      {time.Hour, true, false, 0},
		"emptied":      {365 * 24 * time.Hour, false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cache, err := New(Defaults(), nil, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer cache.Close()
				e := &Entry{key: "x", life: c.life}
				e.finish(largest[:68<<10])
				cache.tell(e, false, false, time.Now())
				time.Sleep(5 * time.Second)
				if c.clear {
					cache.Clear()
				}
				before := cache.Curve()
				cache.tell(e, false, c.anyway, time.Now())
				time.Sleep(time.Second)
				after := cache.Curve()
				if before.Requests != 1 || after.Requests != 2 {
					t.Fatalf("%d requests, then %d", before.Requests, after.Requests)
				}
				if got := 2 * after.Sizes[11].Requests; got != c.want {
					t.Errorf("of the second request %v is found, want %v: %+v", got, c.want, after)
				}
			})
		})
	}
}
