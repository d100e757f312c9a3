package responses

import (
	"net/http"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/thumbedge/thumbedge/proxy/wire"
)

// keep has the answer kept while it goes to the client, as that entry, or says why it is
// not.
func (v *visit) keep(a *wire.Answer) (*Entry, Reason) {
	received := time.Now()
	said := &v.said
	said.read(a.Header.StatusCode(), a.Header.Raw())
	reason := unstorable(&v.q, said, v.asked, received)
	nameless := v.alike && reason == reasonNoLifetime && v.rules.anonymous.on() && v.rules.anonymous.keeps(said)
	if nameless {
		reason = ""
		said.readDates(received)
	}
	if reason == "" && int64(a.Length()) > v.rules.MaxObject {
		reason = reasonLarge
	}
	if reason != "" {
		v.c.metrics.unstorable[reason].Inc()
		// A failure says nothing of what the app answers otherwise: where it could be kept,
		// requests go on waiting for one another.
		if reason != reasonAuthorization && reason != reasonCookie && said.status != http.StatusNotModified && !failed(a) {
			v.c.verdicts.note(v.known(), verdictUnstorable, v.now)
		}
		return nil, reason
	}
	e := newEntry(v.key, v.c.Page(v.r.Path()), said, v.raw, v.alike, &a.Header, v.asked, received)
	e.began, e.target, e.told = v.began, xxhash.Sum64(v.r.Target()), string(v.told)
	if nameless {
		v.rules.anonymous.keep(e, v.asked)
	}
	v.c.verdicts.note(v.known(), e.verdict(), v.now)
	a.Watch(newRecording(v, e, a.Length()))
	return e, ""
}
