package page

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// maker makes up bodies, most of them JSON, from what matters to a scan.
type maker struct {
	*rand.Rand
	body []byte
}

func (m *maker) one(of ...string) { m.body = append(m.body, of[m.IntN(len(of))]...) }

func (m *maker) space() { m.one("", "", "", " ", "\n\t ", "\r") }

func (m *maker) text() {
	m.one(`""`, `"a"`, `"\""`, `"\\"`, `"{"`, `"}]"`, `"thumbnails"`, `"\"thumbnails\":{"`, `"é\ud83d\ude00"`,
		`"/api/v2/captures/thumbnails/7/"`, `"http://app.example.org/api/v2/captures/thumbnails/8/?label=small"`, `"\/api/v2/captures/thumbnails/9?label=large"`)
}

func (m *maker) name() {
	m.one(`"thumbnails"`, `"thumbnails"`, `"thumb\u006eails"`, `"thumbnail"`, `"\\thumbnails"`, `"a"`, `""`, `"a\"thumbnails"`)
}

func (m *maker) route() {
	m.one(`"/api/v2/captures/thumbnails/`, `"http://app.example.org/api/v2/captures/thumbnails/`, `"http://elsewhere/api/v2/captures/thumbnails/`)
	m.body = strconv.AppendInt(m.body, m.Int64N(50), 10)
	m.one(`/?label=small"`, `/?label=medium"`, `/?label=large"`, `/?label=huge"`, `/"`, `"`, `/x"`, `\/?label=small"`)
}

// captures are some as the app writes them, or nearly.
func (m *maker) captures() {
	m.list("[", "]", func() {
		m.one(`{"thumbnails":{`)
		odd := m.IntN(20) // where one is not as usual; most of these are nowhere
		part := func(usual string, others ...string) {
			if odd--; odd != 0 {
				others = []string{usual}
			}
			m.one(others...)
		}
		id := m.Int64N(50)
		for i, label := range []string{"small", "medium", "large"} {
			if i > 0 {
				part(",", ", ", ";", "")
			}
			part(`"`+label+`":"`, `"x":"`, `"`+label+`" :"`, `"small":"`)
			part(`http://app.example.org/api/v2/captures/thumbnails/`, `/api/v2/captures/thumbnails/`, `http://elsewhere/api/v2/captures/thumbnails/`)
			m.body = strconv.AppendInt(m.body, id, 10)
			part(`/?label=`+label+`"`, `0/?label=`+label+`"`, `/?label=huge"`, `/?label=`+label+`\""`, `/"`)
		}
		part("}}", `,"y":1}}`, `,"y":"/api/v2/captures/thumbnails/7/"}}`, "]}", "}")
	})
}

func (m *maker) value(depth int) {
	m.space()
	defer m.space()
	switch kind := m.IntN(10); {
	case depth > 0 && kind < 6:
		m.list("{", "}", func() { m.name(); m.space(); m.one(":"); m.value(depth - 1) })
	case depth > 0 && kind < 7:
		m.list("[", "]", func() { m.value(depth - 1) })
	case kind < 8 && m.IntN(2) == 0:
		m.captures()
	case kind < 8:
		m.route()
	case kind < 9:
		m.text()
	default:
		m.one("1", "-2.5e3", "true", "false", "null")
	}
}

func (m *maker) list(open, closed string, item func()) {
	m.one(open)
	m.space()
	for i := range m.IntN(5) {
		if i > 0 {
			m.one(",")
			m.space()
		}
		item()
	}
	m.one(closed)
}

// Bodies that are made up of what matters, and the same with a byte changed, put in or
// taken away, hold to what FuzzScan does.
func TestMadeUpBodies(t *testing.T) {
	t.Parallel()
	s, err := NewScanner(Config{Field: "thumbnails", Route: "/api/v2/captures/thumbnails/", Specs: testSpecs})
	if err != nil {
		t.Fatal(err)
	}
	m := maker{Rand: rand.New(rand.NewPCG(1, 2))}
	for range *madeUp {
		m.body = m.body[:0]
		m.value(6)
		checkScan(t, s, m.body)
		if len(m.body) == 0 {
			continue
		}
		at, other := m.IntN(len(m.body)), "{}[],:\"\\/* 1nx"[m.IntN(14)]
		switch m.IntN(3) {
		case 0:
			m.body[at] = other
		case 1:
			m.body = append(m.body[:at], m.body[at+1:]...)
		default:
			m.body = append(m.body, 0)
			copy(m.body[at+1:], m.body[at:])
			m.body[at] = other
		}
		checkScan(t, s, m.body)
	}
}
