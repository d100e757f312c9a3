// Package rates bounds how often each client may do something: a token bucket each, in a
// table of bounded size. Package proxy, its only user, says who the client is.
//
// Invariants:
//   - A limit that is not configured is nil, and costs a comparison.
//   - The table holds two generations of clients, of generationSize each. When the younger
//     is full the elder is dropped, whose clients have asked for nothing meanwhile: that many
//     clients at once may be limited exactly, and no number of them takes more memory.
package rates

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// generationSize clients and their buckets take some 8 MiB.
const generationSize = 32 << 10

// Rate is a number in a time, such as "20/s", "100/m" or "200/10s"; "" is no limit. That
// many may come at once, too.
type Rate string

// parse returns the rate and the bucket's size.
func (r Rate) parse() (limit rate.Limit, burst int, err error) {
	number, unit, _ := strings.Cut(string(r), "/")
	burst, err = strconv.Atoi(number)
	if err == nil && burst < 1 || burst > 1_000_000 {
		err = fmt.Errorf("%d is not from 1 to 1000000", burst)
	}
	if err == nil && unit != "" && (unit[0] < '0' || unit[0] > '9') {
		unit = "1" + unit
	}
	period, failure := time.ParseDuration(unit)
	if err != nil || failure != nil || period <= 0 || period > 24*time.Hour {
		return 0, 0, fmt.Errorf(`must be "" or a number in a time such as "20/s", "100/m" or "200/10s", not %q`, string(r))
	}
	return rate.Limit(float64(burst) / period.Seconds()), burst, nil
}

// Validate says what is wrong with the rate.
func (r Rate) Validate() error {
	if r == "" {
		return nil
	}
	_, _, err := r.parse()
	return err
}

// Limit is one rate for every client. It may be used from any goroutine.
type Limit struct {
	mu             sync.Mutex
	rate           rate.Limit
	burst          int
	younger, elder map[uint64]*rate.Limiter
}

// New returns the limit of a valid rate; nil for "".
func New(r Rate) *Limit {
	if r == "" {
		return nil
	}
	limit, burst, _ := r.parse()
	return &Limit{rate: limit, burst: burst, younger: map[uint64]*rate.Limiter{}}
}

// Change sets another rate, which is valid and not "". Clients keep their buckets, with what
// is in them when they ask next, up to the new size.
func (l *Limit) Change(r Rate) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate, l.burst, _ = r.parse()
}

// Take takes one of a client's tokens, and otherwise says how long the client has to wait
// for the next one.
func (l *Limit) Take(client uint64, now time.Time) (wait time.Duration, ok bool) {
	bucket, filling := l.bucket(client)
	if bucket.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - bucket.TokensAt(now)
	return max(time.Duration(missing/float64(filling)*float64(time.Second)), time.Millisecond), false
}

// Clients returns how many clients are known.
func (l *Limit) Clients() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.younger) + len(l.elder)
}

// bucket returns a client's, and the rate at which it fills.
func (l *Limit) bucket(client uint64) (*rate.Limiter, rate.Limit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.younger[client]
	if bucket == nil {
		bucket = l.renewed(client)
	}
	if bucket.Limit() != l.rate || bucket.Burst() != l.burst { // since Change
		bucket.SetLimit(l.rate)
		bucket.SetBurst(l.burst)
	}
	return bucket, l.rate
}

// renewed returns the bucket of a client of the elder generation, or a new one, which is
// the younger's from then on. The caller holds mu.
func (l *Limit) renewed(client uint64) *rate.Limiter {
	bucket := l.elder[client]
	if bucket == nil {
		bucket = rate.NewLimiter(l.rate, l.burst)
	} else {
		delete(l.elder, client)
	}
	if len(l.younger) >= generationSize {
		l.younger, l.elder = map[uint64]*rate.Limiter{}, l.younger
	}
	l.younger[client] = bucket
	return bucket
}
