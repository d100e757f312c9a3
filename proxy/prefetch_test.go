package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// TestPrefetchByPath: each page starts what its own rule says, and a capture's detail the
// captures that people step to from it, where they are public and cold. One query answers
// for all of them.
func TestPrefetchByPath(t *testing.T) {
	t.Parallel()
	rules := PrefetchRules{
		{Path: "/api/v2/captures/", Labels: []string{"small"}},
		{Path: "/api/v2/captures/*/", Labels: []string{"medium"}},
		{Path: "/api/v2/events/", Labels: []string{"medium", "small"}},
	}
	detail := func(id int, next, previous string) string {
		return fmt.Sprintf(`{"id":%d,"thumbnails":{"small":%q,"medium":%q},"event_next_capture_id" : %s,"event_prev_capture_id":%s}`,
			id, route(id, "small"), route(id, "medium"), next, previous)
	}
	const warmed = `{"id":1,"thumbnails":{"small":"https://cdn.test/a.jpg"},"event_next_capture_id":2,"event_prev_capture_id":3}`
	for name, c := range map[string]struct {
		path, body string
		rules      PrefetchRules
		want       []string
		asked      []thumb.ID
	}{
		"the list":               {"/api/v2/captures/?limit=2", thumbnailsOf(2, 3), rules, []string{"3 small"}, []thumb.ID{2, 3}},
		"another page":           {"/api/v2/events/", thumbnailsOf(3), rules, []string{"3 small", "3 medium"}, []thumb.ID{3}},
		"every page":             {"/api/v2/events/", thumbnailsOf(3), PrefetchRules{{Labels: []string{"medium"}}}, []string{"3 medium"}, []thumb.ID{3}},
		"the longest path":       {"/api/v2/events/", thumbnailsOf(3), append(PrefetchRules{{Labels: []string{"small"}}}, rules[2]), []string{"3 small", "3 medium"}, []thumb.ID{3}},
		"no page":                {"/api/v2/events/", thumbnailsOf(3), rules[:2], nil, []thumb.ID{3}},
		"a detail":               {"/api/v2/captures/1/?project_id=1", detail(1, "2", "3"), rules, []string{"2 medium", "3 medium"}, []thumb.ID{1, 2, 3}},
		"a detail without slash": {"/api/v2/captures/1", detail(1, "2", "null"), rules, []string{"2 medium"}, []thumb.ID{1, 2}},
		"a cold detail":          {"/api/v2/captures/3/", detail(3, "null", "null"), rules, []string{"3 medium"}, []thumb.ID{3}},
		"itself":                 {"/api/v2/captures/3/", detail(3, "3", "3"), rules, []string{"3 medium"}, []thumb.ID{3}},
		"not public, not there":  {"/api/v2/captures/1/", detail(1, "4", "5"), rules, nil, []thumb.ID{1, 4, 5}},
		"no ids":                 {"/api/v2/captures/1/", detail(1, `"2"`, "-3"), rules, nil, []thumb.ID{1}},
		"too large an id":        {"/api/v2/captures/1/", detail(1, "99999999999999999999999", "0"), rules, nil, []thumb.ID{1}},
		"an app's storage URLs":  {"/api/v2/captures/1/", warmed, rules, []string{"2 medium", "3 medium"}, []thumb.ID{2, 3}},
		"a list's neighbours":    {"/api/v2/captures/", detail(1, "2", "3"), rules, nil, []thumb.ID{1}},
		"no rule for details":    {"/api/v2/captures/1/", warmed, PrefetchRules{rules[0]}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			captures := warmCaptures()
			captures.asked = [][]thumb.ID{}
			captures.set(7, thumb.Cold, thumb.Cold)
			renderer := &prefetched{calls: make(chan string, 10)}
			p, _ := startPages(t, captures, func(cfg *Config, deps *Deps) {
				deps.Renderer = renderer
				cfg.Rewrite.Prefetch = append(slices.Clone(c.rules), PrefetchRule{Path: "/api/v2/captures/99/", Labels: []string{"small"}})
			}, func(request string) string {
				if strings.HasPrefix(request, "GET /api/v2/captures/99/") {
					return jsonAnswer(thumbnailsOf(7))
				}
				return jsonAnswer(c.body)
			})
			// The next page over the same connection comes after all that this one starts.
			client := p.Dial()
			client.Send(wiretest.Get(c.path)).Answer()
			client.Send(wiretest.Get("/api/v2/captures/99/")).Answer()
			var got []string
			for call := <-renderer.calls; call != "7 small"; call = <-renderer.calls {
				got = append(got, call)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("started (-want +got):\n%s", diff)
			}
			captures.mu.Lock()
			asked := captures.asked[:len(captures.asked)-1]
			captures.mu.Unlock()
			var want [][]thumb.ID
			if c.asked != nil {
				want = [][]thumb.ID{c.asked}
			}
			if diff := cmp.Diff(want, asked, cmp.Transformer("all", func(s [][]thumb.ID) string { return fmt.Sprint(s) })); diff != "" {
				t.Errorf("queries (-want +got):\n%s", diff)
			}
		})
	}
}

// What a page starts is bounded, whatever the page names.
func TestPrefetchIsBounded(t *testing.T) {
	t.Parallel()
	captures := &knownCaptures{answers: map[thumb.ID]thumb.Known{}}
	var ids []int
	for id := 1; id <= 2*mostPrefetched; id++ {
		captures.set(thumb.ID(id), thumb.Cold, thumb.Cold)
		ids = append(ids, id)
	}
	renderer := &prefetched{calls: make(chan string, 4*mostPrefetched)}
	p, _ := startPages(t, captures, func(cfg *Config, deps *Deps) {
		cfg.Rewrite.Prefetch, deps.Renderer = PrefetchRules{{Labels: []string{"small", "medium"}}}, renderer
	}, func(request string) string {
		if strings.Contains(request, "last") {
			return jsonAnswer(thumbnailsOf(1))
		}
		return jsonAnswer(thumbnailsOf(ids...))
	})
	client := p.Dial()
	client.Send(wiretest.Get(pageTarget)).Answer()
	client.Send(wiretest.Get("/api/v2/captures/?last")).Answer()
	eventually.Holds(t, "the last page has started its labels", func() bool { return len(renderer.calls) >= mostPrefetched+2 })
	if n := len(renderer.calls); n != mostPrefetched+2 {
		t.Errorf("%d labels are started, want %d of the large page", n, mostPrefetched)
	}
}
