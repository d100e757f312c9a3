package responses

import (
	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// request is what a request's header says to a cache.
type request struct {
	directives    directives
	head          bool
	authorization bool
	cookie        bool
	ranged        bool
	condition     condition
	tags          [][]byte // If-None-Match, its lines
	tagRoom       [2][]byte
	overrides     bool // a header asks the app for something other than method and target say
	tells         bool // a header says what apps answer by without a word, see unnamed.go
}

// condition says what the client's own conditions allow.
type condition uint8

const (
	noCondition condition = iota
	// ifChanged: If-None-Match or If-Modified-Since, which a cache may answer.
	ifChanged
	// ifSame: If-Match or If-Unmodified-Since, which are the app's to answer.
	ifSame
)

// watched are the headers that mean something to a cache.
var watched = func() *field.Table[uint8] {
	t := new(field.Table[uint8])
	for i, name := range [...]string{
		"cache-control", "pragma", "authorization", "cookie", "range", "if-none-match", "if-modified-since",
		"if-match", "if-unmodified-since", "if-range",
	} {
		t.Put(name, uint8(i)+1)
	}
	return t
}()

// read reads the lines of a request for a GET or HEAD.
func (q *request) read(raw []byte, head bool) {
	*q = request{directives: noDirectives(), head: head}
	q.tags = q.tagRoom[:0]
	pragma := false
	for name, value := range lines(raw) {
		switch watched.Of(name) {
		case 1:
			q.directives.read(value)
		case 2:
			pragma = pragma || hasToken(value, "no-cache")
		case 3:
			q.authorization = true
		case 4:
			q.cookie = true
		case 5:
			q.ranged = true
		case 6:
			q.tags = append(q.tags, value)
			q.condition = max(q.condition, ifChanged)
		case 7:
			q.condition = max(q.condition, ifChanged)
		case 8, 9:
			q.condition = ifSame
		case 10: // counts with Range only
		default:
			switch bearingOf(name) {
			case overrides:
				q.overrides = true
			case tells:
				q.tells = true
			}
		}
	}
	// RFC 9111 section 5.4: Pragma counts where there is no Cache-Control.
	q.directives.noCache = q.directives.noCache || pragma && !q.directives.given
}

func hasToken(list []byte, lower string) bool {
	for token := range field.Tokens(list) {
		if is(token, lower) {
			return true
		}
	}
	return false
}
