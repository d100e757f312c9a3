package proxy

import (
	"crypto/rand"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxRanges bounds the parts of one answer; a request for more gets it all.
const maxRanges = 16

// byteRange is a satisfiable range of a file.
type byteRange struct{ start, length int64 }

func (r byteRange) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.start, r.start+r.length-1, size)
}

// parseRanges reads a Range header (RFC 9110 section 14). No ranges means all of
// the file: the header is malformed, or not worth following, being longer than
// the file itself. Not satisfiable: it is well formed, and nothing of it lies in
// the file.
func parseRanges(header string, size int64) (ranges []byteRange, satisfiable bool) {
	unit, list, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return nil, true
	}
	asked, total := 0, int64(0)
	for spec := range strings.SplitSeq(list, ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		r, ok := parseRange(spec, size)
		if !ok {
			return nil, true
		}
		asked++
		if r.length > 0 {
			ranges = append(ranges, r)
			total += r.length
		}
		if asked > maxRanges {
			return nil, true
		}
	}
	if total > size {
		return nil, true
	}
	return ranges, len(ranges) > 0 || asked == 0
}

// parseRange reads one range. One that lies behind the end has no length.
func parseRange(spec string, size int64) (byteRange, bool) {
	from, to, ok := strings.Cut(spec, "-")
	if !ok {
		return byteRange{}, false
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
			return byteRange{}, false
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

// inParts returns several ranges as one body, its length and its media type.
func inParts(file File, ranges []byteRange, media string) (body io.Reader, length int64, multi string) {
	boundary := rand.Text()
	var parts []io.Reader
	text := func(s string) {
		parts = append(parts, strings.NewReader(s))
		length += int64(len(s))
	}
	for _, r := range ranges {
		text("\r\n--" + boundary + "\r\nContent-Type: " + media + "\r\nContent-Range: " + r.contentRange(file.Size()) + "\r\n\r\n")
		parts = append(parts, io.NewSectionReader(file, r.start, r.length))
		length += r.length
	}
	text("\r\n--" + boundary + "--\r\n")
	return io.MultiReader(parts...), length, "multipart/byteranges; boundary=" + boundary
}
