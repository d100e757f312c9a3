package field

// HopByHop are the headers that hold between two neighbours only, RFC 9110 section
// 7.6.1, beside those that Connection names. Trailer, which is one where trailers are
// dropped, is not among them.
var HopByHop = [...]string{
	"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "transfer-encoding", "upgrade",
}

const maxName = 32 // bytes of a name in a table, and one more

// Table says something of each of some header names, in any case. Lengths come first,
// so that nearly every name that is not in it is recognised by its length alone.
type Table[V any] [maxName][]entry[V]

type entry[V any] struct {
	name  string
	value V
}

// Put adds a name, which is in lower case and shorter than 32 bytes.
func (t *Table[V]) Put(name string, value V) {
	t[len(name)] = append(t[len(name)], entry[V]{name, value})
}

// Of returns what the table says of a name; the zero value where it says nothing.
func (t *Table[V]) Of(name []byte) (value V) {
	if len(name) < maxName {
		for i := range t[len(name)] {
			if known := &t[len(name)][i]; Is(name, known.name) {
				return known.value
			}
		}
	}
	return value
}

// Set holds header names.
type Set = Table[bool]

// NewSet returns the set of these names, which are in lower case.
func NewSet(names ...string) *Set {
	s := new(Set)
	for _, name := range names {
		s.Put(name, true)
	}
	return s
}
