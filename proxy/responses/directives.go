package responses

import (
	"bytes"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// seconds are a time that a directive gives; none: it was not given.
type seconds int64

const (
	none seconds = -1
	// most is what a number of seconds that does not fit stands for (RFC 9111 section
	// 1.2.2).
	most seconds = 1 << 31
)

// directives are those of Cache-Control, in a request or in an answer. Of what is given
// twice, or cannot be read, the stricter holds.
type directives struct {
	given           bool // there was a Cache-Control
	broken          bool // a quotation has no end: what else it says cannot be known
	noStore         bool
	noCache         bool
	private         bool
	public          bool
	mustRevalidate  bool
	proxyRevalidate bool
	mustUnderstand  bool
	onlyIfCached    bool
	maxAge          seconds
	sMaxAge         seconds
	minFresh        seconds
	maxStale        seconds
	staleWhile      seconds // stale-while-revalidate (RFC 5861)
	staleIfError    seconds
	noCacheFields   [][]byte // of no-cache="…": they are not kept
}

func noDirectives() directives {
	return directives{maxAge: none, sMaxAge: none, minFresh: none, maxStale: none, staleWhile: none, staleIfError: none}
}

// read takes in one line of Cache-Control.
func (d *directives) read(line []byte) {
	d.given = true
	for len(line) > 0 {
		line = bytes.TrimLeft(line, " \t,")
		end := 0
		for end < len(line) && line[end] != '=' && line[end] != ',' && line[end] != ' ' && line[end] != '\t' && line[end] != '"' {
			end++
		}
		name := line[:end]
		value, rest, state := argument(line[end:])
		if line = rest; state == unended {
			d.broken = true
		}
		d.take(name, value, state)
	}
}

// argumentState says how what follows a directive's name was written.
type argumentState uint8

const (
	absent argumentState = iota
	plain
	odd     // it cannot be read: spaces around "=", something behind it
	unended // a quotation without an end
)

// argument reads what follows a directive's name, up to the next comma.
func argument(line []byte) (value, rest []byte, state argumentState) {
	trimmed := bytes.TrimLeft(line, " \t")
	if len(trimmed) == 0 || trimmed[0] == ',' {
		return nil, trimmed, absent
	}
	if trimmed[0] != '=' {
		rest, ended := skip(trimmed)
		if !ended {
			return nil, nil, unended
		}
		return nil, rest, odd
	}
	state = plain
	after := bytes.TrimLeft(trimmed[1:], " \t")
	if len(trimmed) != len(line) || len(after) != len(trimmed)-1 {
		state = odd
	}
	if len(after) > 0 && after[0] == '"' {
		end := 1
		for end < len(after) && after[end] != '"' {
			if after[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(after) {
			return nil, nil, unended
		}
		value, after = after[1:end], after[end+1:]
	} else {
		end := bytes.IndexAny(after, ", \t\"")
		if end < 0 {
			end = len(after)
		}
		value, after = after[:end], after[end:]
	}
	if after = bytes.TrimLeft(after, " \t"); len(after) > 0 && after[0] != ',' {
		rest, ended := skip(after)
		if !ended {
			return nil, nil, unended
		}
		return value, rest, odd
	}
	return value, after, state
}

// skip goes past what cannot be read, up to a comma outside of quotations.
func skip(line []byte) (rest []byte, ended bool) {
	for i, quoted := 0, false; ; i++ {
		switch {
		case i >= len(line):
			return nil, !quoted
		case line[i] == '"':
			quoted = !quoted
		case line[i] == '\\' && quoted:
			i++
		case line[i] == ',' && !quoted:
			return line[i:], true
		}
	}
}

// take takes in one directive.
func (d *directives) take(name, value []byte, state argumentState) {
	switch {
	case is(name, "no-store"):
		d.noStore = true
	case is(name, "private"):
		d.private = true // with fields too: a cache may take that for private alone (5.2.2.7)
	case is(name, "no-cache"):
		if state != plain || len(bytes.Trim(value, " \t,")) == 0 {
			d.noCache = true
			return
		}
		for name := range field.Tokens(value) {
			d.noCacheFields = append(d.noCacheFields, name)
		}
	case is(name, "public"):
		d.public = d.public || state == absent
	case is(name, "must-revalidate"):
		d.mustRevalidate = true
	case is(name, "proxy-revalidate"):
		d.proxyRevalidate = true
	case is(name, "must-understand"):
		d.mustUnderstand = true
	case is(name, "only-if-cached"):
		d.onlyIfCached = true
	default:
		d.takeTime(name, value, state)
	}
}

func (d *directives) takeTime(name, value []byte, state argumentState) {
	n, ok := none, false
	if state == plain {
		n, ok = deltaSeconds(value)
	}
	if !ok {
		n = 0
	}
	switch {
	case is(name, "max-age"):
		d.maxAge = least(d.maxAge, n)
	case is(name, "s-maxage"):
		d.sMaxAge = least(d.sMaxAge, n)
	case is(name, "stale-while-revalidate"):
		d.staleWhile = least(d.staleWhile, n)
	case is(name, "stale-if-error"):
		d.staleIfError = least(d.staleIfError, n)
	case is(name, "max-stale"):
		if state == absent {
			n = most
		}
		d.maxStale = least(d.maxStale, n)
	case is(name, "min-fresh"):
		if !ok {
			n = most
		}
		d.minFresh = max(d.minFresh, n)
	}
}

// least is the shorter one of two times of which the first may be none.
func least(a, b seconds) seconds {
	if a == none {
		return b
	}
	return min(a, b)
}

// deltaSeconds reads a number of seconds; false: it is none (RFC 9111 section 1.2.2).
func deltaSeconds(value []byte) (seconds, bool) {
	if len(value) == 0 || !field.IsDigits(value) {
		return 0, false
	}
	n := seconds(0)
	for _, c := range value {
		if n = n*10 + seconds(c-'0'); n >= most {
			return most, true
		}
	}
	return n, true
}
