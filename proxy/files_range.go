package proxy

import (
	"fmt"
	"strconv"
	"strings"
)

// byteRange is a range of a file.
type byteRange struct{ start, length int64 }

func (r byteRange) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.start, r.start+r.length-1, size)
}

// parseRange reads a Range header of one range (RFC 9110 section 14). Not asked means
// all of the file: the header is malformed, or names several ranges, which no browser
// does for a picture. A range of no length is well formed, and lies behind the end.
func parseRange(header string, size int64) (r byteRange, asked bool) {
	unit, spec, _ := strings.Cut(header, "=")
	from, to, ok := strings.Cut(strings.Trim(spec, " \t"), "-")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return r, false
	}
	if from == "" {
		n, ok := position(to)
		n = min(n, size)
		return byteRange{size - n, n}, ok
	}
	first, ok := position(from)
	last := size - 1
	if to != "" && ok {
		if last, ok = position(to); last < first {
			return r, false
		}
		last = min(last, size-1)
	}
	return byteRange{first, max(0, last-first+1)}, ok
}

// position reads a number of bytes; one too large for any file is the largest.
func position(digits string) (int64, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n, true
}
