package responses

import (
	"slices"
	"strconv"
	"time"
)

// recording keeps the body of an answer while it goes to its client. It is a
// wire.Watcher; the request is not over before End.
type recording struct {
	v     visit
	entry *Entry
	body  []byte
	lost  Reason // why it is not kept after all
	tells bool   // the size curve of it
}

// firstBody is the room that a body of unknown length is given first.
const firstBody = 8 << 10

func newRecording(v *visit, e *Entry, length int) *recording {
	rec := &recording{v: visit{c: v.c, rules: v.rules, raw: v.raw, key: []byte(e.key), hash: v.hash, lead: v.lead, alike: v.alike, told: v.told, now: v.now, gone: v.gone}, entry: e, tells: v.counts()}
	v.lead = nil // it is the recording's to land
	size := int64(length)
	if length < 0 {
		size = firstBody
	}
	if rec.reserve(size) && size > 0 {
		rec.body = roomFor(int(size))
		rec.v.c.recording.Add(int64(cap(rec.body)) - size)
	}
	return rec
}

// roomFor makes room for a body. Its capacity is what Go's allocator takes for it, which may
// be an eighth more than was asked for: so it is counted (Entry.cost).
func roomFor(n int) []byte { return slices.Grow([]byte(nil), n) }

// reserve counts what bodies that are not whole yet take: no more than a quarter of
// max_size, lest many slow answers take what the cache was given.
func (rec *recording) reserve(n int64) bool {
	c := rec.v.c
	if c.recording.Add(n) > rec.v.rules.MaxSize/4 {
		c.recording.Add(-n)
		rec.lose(reasonLarge)
		return false
	}
	return true
}

func (rec *recording) lose(why Reason) {
	rec.lost = why
	rec.v.c.recording.Add(-int64(cap(rec.body)))
	rec.body = nil
	rec.v.land(nil, why == reasonBroken || why == reasonOutdated)
}

// Part is wire.Watcher's.
func (rec *recording) Part(p []byte) {
	if rec.lost != "" || len(p) == 0 {
		return
	}
	need := len(rec.body) + len(p)
	if int64(need) > rec.v.rules.MaxObject {
		rec.v.c.verdicts.note(rec.v.known(), verdictUnstorable, time.Now())
		rec.lose(reasonLarge)
		return
	}
	if need > cap(rec.body) {
		room := max(need, 2*cap(rec.body))
		if !rec.reserve(int64(room - cap(rec.body))) {
			return
		}
		rec.body = append(roomFor(room), rec.body...)
		rec.v.c.recording.Add(int64(cap(rec.body) - room))
	}
	rec.body = append(rec.body, p...)
}

// End is wire.Watcher's.
func (rec *recording) End(whole bool) {
	c, e := rec.v.c, rec.entry
	if rec.lost == "" && !whole {
		rec.lose(reasonBroken)
	}
	if rec.lost == "" && !c.holds(rec.v.hash, e) {
		rec.lose(reasonOutdated)
	}
	if rec.lost != "" {
		c.metrics.unstorable[rec.lost].Inc()
		return
	}
	body := rec.body
	c.recording.Add(-int64(cap(body)))
	if cap(body)-len(body) > len(body)/8 {
		body = append(roomFor(len(body)), body...)
	}
	rec.body = nil
	e.finish(body)
	c.store.add(rec.v.hash, e, func(o *Entry) bool {
		return rec.v.selects(o) || !c.holds(rec.v.hash, o)
	})
	c.metrics.stored.add(1)
	if rec.tells {
		c.tell(e, false, rec.v.gone, rec.v.now)
	}
	rec.v.land(e, false)
}

// ttl says for how long an entry is fresh, for Cache-Status.
func ttl(left time.Duration) string {
	return "; ttl=" + strconv.FormatInt(int64(left/time.Second), 10)
}
