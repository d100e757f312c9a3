package responses

import (
	"bytes"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire"
)

// mostUpdates is how many entries are brought up to date at once while they are used.
const mostUpdates = 64

// updating are the entries that are being brought up to date, by URL.
type updating struct {
	mu   sync.Mutex
	keys map[string]struct{}
}

func (u *updating) begin(key []byte) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, ok := u.keys[string(key)]; ok || len(u.keys) >= mostUpdates {
		return false
	}
	u.keys[string(key)] = struct{}{}
	return true
}

func (u *updating) end(key []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.keys, string(key))
}

// updateLater asks the app for another answer behind the client's back
// (stale-while-revalidate).
func (v *visit) updateLater(e *Entry) {
	if !v.c.updating.begin(v.key) {
		return
	}
	c, rules, key, hash, form, page, alike, told := v.c, v.rules, bytes.Clone(v.key), v.hash, v.form, v.page, v.alike, v.told
	form.Lines = bytes.Clone(form.Lines)
	v.r.Later(func(r *wire.Request) {
		defer c.updating.end(key)
		v := &visit{c: c, rules: rules, r: r, form: form, raw: r.Header().RawHeaders(), page: page, now: time.Now(), key: key, hash: hash, alike: alike, told: told, later: true}
		v.q.read(v.raw, false)
		v.q.condition, v.q.tags = noCondition, nil
		v.form = withoutConditions(form)
		if got := v.ask(e, "fwd=stale"); got.Answer != nil {
			got.Answer.Discard()
		}
	})
}
