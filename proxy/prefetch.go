package proxy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// PrefetchRules is rewrite.prefetch: a list of tables, or a plain list of labels, which
// is one rule for every page.
type PrefetchRules []PrefetchRule

// PrefetchRule is one [[rewrite.prefetch]].
type PrefetchRule struct {
	// Path is the prefix of the pages that it is for, or, with "*/" for a capture's id at
	// its end, the path of a capture's detail. The longest that fits a page counts.
	Path string `toml:"path"`
	// Labels are those to start rendering when such a page shows them cold.
	Labels []string `toml:"labels"`
}

// SetPlain makes one rule of a plain list of labels.
func (r *PrefetchRules) SetPlain(labels []string) {
	*r = nil
	if len(labels) > 0 {
		*r = PrefetchRules{{Labels: labels}}
	}
}

// validate judges the rule at an index of the list.
func (r PrefetchRule) validate(index int, paths []string, specs thumb.Specs) error {
	key := "rewrite.prefetch" // a plain list is the whole of it
	var errs []error
	if r.Path != "" {
		key = fmt.Sprintf("rewrite.prefetch[%d]", index)
		path := strings.TrimSuffix(r.Path, anyID)
		under := slices.ContainsFunc(paths, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
		if !under || strings.Contains(path, "*") {
			errs = append(errs, fmt.Errorf("%s: path %q must lie under one of rewrite.paths; only %q at its end stands for a capture's id", key, r.Path, anyID))
		}
	}
	for _, label := range r.Labels {
		if label == "" || specs.Index(label) < 0 {
			errs = append(errs, fmt.Errorf("%s: %q is not a configured label", key, label))
		}
	}
	return errors.Join(errs...)
}

// mostPrefetched is how many labels of a page are begun to be rendered: no page has a
// good part of the renderer's queue for more.
const mostPrefetched = 512

// anyID stands at the end of a path for a capture's id.
const anyID = "*/"

// prefetchRule is a PrefetchRule as pages use it.
type prefetchRule struct {
	path   string // up to the id, where it is a detail's
	detail bool
	labels [thumb.MaxSpecs]bool // by position
}

// newPrefetch returns the rules, those of longer paths first.
func newPrefetch(rules PrefetchRules, specs thumb.Specs) []prefetchRule {
	var made []prefetchRule
	for _, rule := range rules {
		m := prefetchRule{}
		m.path, m.detail = strings.CutSuffix(rule.Path, anyID)
		for _, label := range rule.Labels {
			m.labels[specs.Index(label)] = true
		}
		made = append(made, m)
	}
	slices.SortStableFunc(made, func(a, b prefetchRule) int {
		details := 0 // of the same path, the detail's is the longer one
		if a.detail != b.detail {
			details = 1
			if a.detail {
				details = -1
			}
		}
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), details)
	})
	return made
}

// prefetchOf returns the rule for the page at path; nil for none.
func (p *pages) prefetchOf(path []byte) *prefetchRule {
	for i := range p.prefetch {
		rule := &p.prefetch[i]
		rest, fits := bytes.CutPrefix(path, []byte(rule.path))
		if fits && rule.detail {
			_, fits = thumb.ParseID(bytes.TrimSuffix(rest, []byte("/")))
		}
		if fits {
			return rule
		}
	}
	return nil
}

// coldLabel is a label to start rendering.
type coldLabel struct {
	id       thumb.ID
	position int
}

// addCold notes a label that the page shows cold.
func (j *job) addCold(id thumb.ID, position int) {
	if j.prefetch != nil && j.prefetch.labels[position] && len(j.cold) < mostPrefetched {
		j.cold = append(j.cold, coldLabel{id, position})
	}
}

// neighbours are the members by which a capture's detail names the captures that people
// step to from there.
var neighbours = [...]string{`"event_next_capture_id"`, `"event_prev_capture_id"`}

// largestDetail is how large a body is looked through for neighbours.
const largestDetail = 256 << 10

// findNeighbours adds the captures to which people step from a capture's detail to those
// that the page asks for: one query answers for them, too. It goes by text: in JSON a
// name with its quotes and a colon after it is a member, at whatever depth. A capture
// that is not public is never rendered here, whoever names it.
func (j *job) findNeighbours(body []byte) {
	j.ahead = j.ahead[:0]
	if j.prefetch == nil || !j.prefetch.detail || len(body) > largestDetail {
		return
	}
	for _, name := range neighbours {
		at := bytes.Index(body, []byte(name))
		if at < 0 {
			continue
		}
		rest, colon := bytes.CutPrefix(bytes.TrimLeft(body[at+len(name):], " \t\r\n"), []byte(":"))
		rest = bytes.TrimLeft(rest, " \t\r\n")
		digits := 0
		for digits < len(rest) && digits < 20 && '0' <= rest[digits] && rest[digits] <= '9' {
			digits++
		}
		if id, ok := thumb.ParseID(rest[:digits]); ok && colon {
			if on := len(j.found.IDs); j.found.Add(id) == on { // else the page shows it itself
				j.ahead = append(j.ahead, on)
			}
		}
	}
}

// addNeighbours notes the neighbours' labels that are cold.
func (j *job) addNeighbours(specs int) {
	for _, capture := range j.ahead {
		for position := range specs {
			if verdict := verdictOf(&j.known[capture], position); verdict == labelCold || verdict == labelStale {
				j.addCold(j.found.IDs[capture], position)
			}
		}
	}
}

// startCold begins to render what the page showed cold, for labels that are to be.
// The page is with the client by then.
func (p *pages) startCold(j *job) {
	for _, label := range j.cold {
		p.renderer.Prefetch(label.id, label.position)
	}
}
