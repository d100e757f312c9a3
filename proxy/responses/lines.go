package responses

import (
	"bytes"
	"iter"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// lines yields the name and the value of each of a header's lines.
func lines(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for len(raw) > 2 {
			end := bytes.IndexByte(raw, '\n') + 1
			if end == 0 {
				end = len(raw)
			}
			name, value, ok := field.Cut(bytes.TrimRight(raw[:end], "\r\n"))
			if raw = raw[end:]; ok && !yield(name, value) {
				return
			}
		}
	}
}

// is compares the name of an answer's header. An underscore is no dash here: an answer's
// Cache_Control gives it no lifetime.
func is(name []byte, lower string) bool {
	return len(name) == len(lower) && bytes.EqualFold(name, []byte(lower))
}
