package responses

// Made is what the user of a cache has made of an entry's body, to be used by each request
// that the entry answers. It must not change, and is the entry's: it goes with it, and
// counts in what the cache takes.
type Made interface {
	Weight() int64 // bytes
}

// made is a Made, and what it weighs.
type made struct {
	value  Made
	weight int64
}

// Made is what was made of the entry's body; nil: nothing.
func (e *Entry) Made() Made {
	if m := e.made.Load(); m != nil {
		return m.value
	}
	return nil
}

// Attach keeps what was made of an entry's body with it, in place of what was before. The
// entry may be one that is still to be kept (Fetched.Keeps). Where there is no room for it,
// or the entry has gone meanwhile, nothing happens.
func (c *Cache) Attach(e *Entry, value Made) {
	c.attach(e, &made{value, value.Weight()})
}

// attach says whether there was room.
func (c *Cache) attach(e *Entry, m *made) bool {
	r := c.rules()
	return m.weight <= min(r.MaxObject, r.MaxSize/8) && c.store.attach(e, m)
}

// attach is Attach. What is kept of the URL then costs more, as ristretto is told.
func (s *store) attach(e *Entry, m *made) bool {
	stripe := &s.stripes[e.hash%stripes]
	stripe.Lock()
	defer stripe.Unlock()
	old := s.find(e.hash, []byte(e.key))
	if old == nil || !old.has(e) {
		e.made.Store(m) // add counts it
		return true
	}
	before := e.cost()
	next := &variants{key: old.key, entries: old.entries, cost: old.cost - before + e.costWith(m)}
	if next.cost > s.size.Load()/4 {
		return false
	}
	e.made.Store(m)
	s.replace(e.hash, old, next)
	return true
}

func (v *variants) has(e *Entry) bool {
	for _, o := range v.entries {
		if o == e {
			return true
		}
	}
	return false
}
