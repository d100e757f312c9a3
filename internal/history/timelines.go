package history

import (
	"fmt"
	"sort"
)

// timelines are the changes of the database as stretches of time.
type timelines struct {
	rows     map[rowID][]rowState
	keys     map[string][]rowState // by path
	captures map[int64][]captureState
	public   map[int64]Spans // of projects
	puts     map[string][]Put
	deletes  map[string][]Delete
	versions map[int64][]Original // by capture, in order of their versions
	terms    map[int64][]*term
}

type rowID struct {
	capture int64
	label   string
	private bool
}

func (id rowID) String() string {
	if id.private {
		return fmt.Sprintf("private row %d/%s", id.capture, id.label)
	}
	return fmt.Sprintf("row %d/%s", id.capture, id.label)
}

// rowState is a row while it stays the same. Withdrawn says that the app itself ended it,
// by deleting it or having it name another file; staysNamed that a row of the same path follows.
type rowState struct {
	Span
	rowID
	Row
	withdrawn, staysNamed bool
}

type captureState struct {
	Span
	Capture
}

func newTimelines(h *History) *timelines {
	t := &timelines{
		rows: map[rowID][]rowState{}, keys: map[string][]rowState{}, captures: map[int64][]captureState{},
		public: map[int64]Spans{}, puts: map[string][]Put{}, deletes: map[string][]Delete{},
		versions: map[int64][]Original{}, terms: termsOf(h.Leases),
	}
	for _, c := range h.Rows {
		_, ours := h.Replicas[c.By]
		t.addRow(c, ours)
	}
	for _, states := range t.rows {
		for _, s := range states {
			t.keys[s.Path] = append(t.keys[s.Path], s)
		}
	}
	for _, c := range h.Captures {
		t.addCapture(c)
	}
	for _, c := range h.Projects {
		t.addProject(c)
	}
	for _, p := range h.Puts {
		t.puts[p.Key] = append(t.puts[p.Key], p)
	}
	for _, d := range h.Deletes {
		t.deletes[d.Key] = append(t.deletes[d.Key], d)
	}
	for _, o := range h.Originals {
		t.versions[o.Capture] = append(t.versions[o.Capture], o)
	}
	for _, versions := range t.versions {
		sort.Slice(versions, func(i, j int) bool { return versions[i].Version < versions[j].Version })
	}
	return t
}

func (t *timelines) addRow(c RowChange, ours bool) {
	id := rowID{c.Capture, c.Label, c.Private}
	states := t.rows[id]
	if n := len(states); n > 0 && states[n-1].To == Forever {
		last := &states[n-1]
		last.To, last.withdrawn, last.staysNamed = c.At, !ours, c.New != nil && c.New.Path == last.Path
	}
	if c.New != nil {
		states = append(states, rowState{Span: Span{c.At, Forever}, rowID: id, Row: *c.New})
	}
	t.rows[id] = states
}

func (t *timelines) addCapture(c CaptureChange) {
	states := t.captures[c.Capture]
	if n := len(states); n > 0 && states[n-1].To == Forever {
		states[n-1].To = c.At
	}
	if c.New != nil {
		states = append(states, captureState{Span{c.At, Forever}, *c.New})
	}
	t.captures[c.Capture] = states
}

func (t *timelines) addProject(c ProjectChange) {
	spans := t.public[c.Project]
	n := len(spans)
	open := n > 0 && spans[n-1].To == Forever
	switch {
	case c.Public && !open:
		spans = append(spans, Span{c.At, Forever})
	case !c.Public && open:
		spans[n-1].To = c.At
	}
	t.public[c.Project] = spans
}

// publicTimes returns when a capture was there and public.
func (t *timelines) publicTimes(capture int64) (times Spans) {
	for _, s := range t.captures[capture] {
		times = append(times, Spans{s.Span}.intersect(t.public[s.Project])...)
	}
	return times
}

// draftTimes returns when a capture was there and a draft.
func (t *timelines) draftTimes(capture int64) (times Spans) {
	for _, s := range t.captures[capture] {
		times = append(times, Spans{s.Span}.intersect(t.public[s.Project].outside())...)
	}
	return times
}

// namedTimes returns when the row of a label named a key, with that width (0: any).
func (t *timelines) namedTimes(id rowID, key string, width int) (times Spans) {
	for _, s := range t.keys[key] {
		if s.rowID == id && (width == 0 || s.Width == width) {
			times = append(times, s.Span)
		}
	}
	return times
}

// currentTimes returns when a row that names a key was not older than the original.
func (t *timelines) currentTimes(id rowID, key string) (times Spans) {
	for _, row := range t.keys[key] {
		if row.rowID != id {
			continue
		}
		for _, s := range t.captures[id.capture] {
			if !older(row.Row, s.Capture) {
				times = append(times, s.Span)
			}
		}
		break // a key is used once, by one version
	}
	return times
}

// older is the promise's own predicate: both times are known, and the row's is earlier.
func older(row Row, capture Capture) bool {
	return row.Version != 0 && capture.Version != 0 && row.Version < capture.Version
}

// validTimes returns when a label of a capture had a valid row of that width.
func (t *timelines) validTimes(id rowID, width int) (times Spans) {
	for _, row := range t.rows[id] {
		if row.Path == "" || row.Width != width {
			continue
		}
		for _, s := range t.captures[id.capture] {
			if !older(row.Row, s.Capture) {
				times = append(times, Spans{row.Span}.intersect(Spans{s.Span})...)
			}
		}
	}
	return times
}

// contentOf returns the least content that a row of a version may show.
func (t *timelines) contentOf(capture, version int64) (content int) {
	for _, o := range t.versions[capture] {
		if o.Version <= version {
			content = o.Content
		}
	}
	return content
}
