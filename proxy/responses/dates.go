package responses

import (
	"time"
)

// The forms of a date in HTTP (RFC 9110 section 5.6.7): the preferred one, RFC 850's and
// that of C's asctime. The latter two are obsolete, and must be read all the same.
const (
	formPreferred = "Mon, 02 Jan 2006 15:04:05 GMT"
	formRFC850    = "Monday, 02-Jan-06 15:04:05 GMT"
	formAsctime   = "Mon Jan _2 15:04:05 2006"
)

// readDate reads a date; false: it is none. A year of two digits that would lie more than
// 50 years ahead is one of the past.
func readDate(value []byte, now time.Time) (time.Time, bool) {
	text := string(value)
	if t, err := time.Parse(formPreferred, text); err == nil {
		return t, true
	}
	if t, err := time.Parse(formAsctime, text); err == nil {
		return t, true
	}
	t, err := time.Parse(formRFC850, text)
	if err != nil {
		return time.Time{}, false
	}
	// Go takes 69 to 99 for 19xx.
	for t.AddDate(100, 0, 0).Before(now.AddDate(50, 0, 0)) {
		t = t.AddDate(100, 0, 0)
	}
	for t.After(now.AddDate(50, 0, 0)) {
		t = t.AddDate(-100, 0, 0)
	}
	return t, true
}
