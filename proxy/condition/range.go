package condition

import (
	"fmt"
	"strconv"
	"strings"
)

// Range is a part of a file, in bytes.
type Range struct{ Start, Length int64 }

// ContentRange is the header of that name, for a file of this size.
func (r Range) ContentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.Start, r.Start+r.Length-1, size)
}

// ParseRange reads a Range header of one range (RFC 9110 section 14). Not asked means
// all of the file: the header is malformed, or names several ranges, which no browser
// does for a picture. A range of no length is well formed, and lies behind the end.
func ParseRange(header string, size int64) (r Range, asked bool) {
	unit, spec, _ := strings.Cut(header, "=")
	from, to, ok := strings.Cut(strings.Trim(spec, " \t"), "-")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return r, false
	}
	if from == "" {
		n, ok := position(to)
		n = min(n, size)
		return Range{size - n, n}, ok
	}
	first, ok := position(from)
	last := size - 1
	if to != "" && ok {
		if last, ok = position(to); last < first {
			return r, false
		}
		last = min(last, size-1)
	}
	return Range{first, max(0, last-first+1)}, ok
}

// position reads a number of bytes; one too large for any file is the largest.
func position(digits string) (int64, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n, true
}
