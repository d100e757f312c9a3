package curve

// known says how often a key was read lately, as far as counters tell.
func (m *miniature) known(key uint32) int {
	n := int(*m.counter(key) >> (key & 1 * 4) & 0xf)
	if a, b := m.doors(key); m.passed(a) && m.passed(b) {
		n++
	}
	return n
}

// count counts the reads that have gathered. It ages them as soon as they are due, but
// between two pages, never amid one, which in the warm set is one of very many, and of
// a miniature's would be one of few: part of its captures would go sooner. Where it
// waited for the end of all that have gathered, browsers that poll found 0.02 more.
func (m *miniature) count() {
	for _, key := range m.reads {
		if key == pageEnds {
			if m.counted >= m.ageing {
				m.age()
			}
			continue
		}
		m.counted++
		if a, b := m.doors(key); !m.passed(a) || !m.passed(b) {
			m.door[a/64] |= 1 << (a % 64)
			m.door[b/64] |= 1 << (b % 64)
		} else if c, shift := m.counter(key), key&1*4; *c>>shift&0xf < 0xf {
			*c += 1 << shift
		}
	}
	m.reads = m.reads[:0]
}

// pageEnds is no key.
const pageEnds = 0

func (m *miniature) age() {
	m.counted -= m.ageing
	clear(m.door)
	for i := range m.counts {
		m.counts[i] = m.counts[i] >> 1 & 0x77
	}
}

func (m *miniature) counter(key uint32) *byte { return &m.counts[int(key/2)&(len(m.counts)-1)] }

func (m *miniature) doors(key uint32) (a, b uint32) {
	mask := uint32(64*len(m.door) - 1)
	return key * 0x9e3779b1 >> 13 & mask, key * 0x85ebca77 >> 13 & mask
}

func (m *miniature) passed(door uint32) bool { return m.door[door/64]>>(door%64)&1 != 0 }
