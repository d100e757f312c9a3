package responses

import (
	"strconv"

	"github.com/dunglas/httpsfv"
)

// readTargeted takes in CDN-Cache-Control, a structured field (RFC 9213). False: it is
// empty or cannot be read, and counts as absent.
func (d *directives) readTargeted(lines []string) bool {
	dictionary, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil || len(dictionary.Names()) == 0 {
		return false
	}
	d.given = true
	for _, name := range dictionary.Names() {
		member, _ := dictionary.Get(name)
		item, ok := member.(httpsfv.Item)
		if !ok {
			d.take([]byte(name), nil, odd)
			continue
		}
		switch value := item.Value.(type) {
		case bool:
			if value {
				d.take([]byte(name), nil, absent)
			}
		case int64:
			d.take([]byte(name), number(value), plain)
		case string:
			d.take([]byte(name), []byte(value), plain)
		default:
			d.take([]byte(name), nil, odd)
		}
	}
	return true
}

// number writes n as a directive's argument; a negative one is none.
func number(n int64) []byte {
	if n < 0 {
		return []byte("-")
	}
	return strconv.AppendInt(nil, n, 10)
}
