package history

import (
	"testing"
	"time"
)

const secret = PrivateFile + key2

// drafted goes on where explained ends: from 40 s on the project is a draft, and one
// replica renders the capture for those who may see it, shows them that, and is done with
// the public row and file in time.
func drafted() *History {
	h := explained()
	h.Settings.Kept = 8 * s
	small, medium := h.Rows[1].New, h.Rows[2].New
	h.Projects = append(h.Projects, ProjectChange{At: 40 * s, Project: 1})
	h.Leases = append(h.Leases,
		LeaseChange{At: 42 * s, By: "a.1", Capture: 7, New: &Lease{Holder: "A/2", Until: 50 * s}},
		LeaseChange{At: 45 * s, By: "a.1", Capture: 7, Old: &Lease{Holder: "A/2", Until: 50 * s}})
	h.Fetches = append(h.Fetches, Fetch{Start: 43 * s, Capture: 7, Content: 2})
	h.Puts = append(h.Puts, Put{Start: 43 * s, End: 43 * s, Key: secret, Kept: true, Sum: "4", Picture: Picture{7, 2}})
	h.Rows = append(h.Rows,
		RowChange{At: 44 * s, By: "a.1", Capture: 7, Label: "small", Private: true, New: &Row{Path: secret, Width: 64, Version: 200}},
		RowChange{At: 47 * s, By: "b.1", Capture: 7, Label: "small", Old: small},
		RowChange{At: 47 * s, By: "b.1", Capture: 7, Label: "medium", Old: medium})
	h.Deletes = append(h.Deletes, Delete{Start: 54 * s, End: 54 * s, Key: key2})
	h.Answers = append(h.Answers,
		Answer{Start: 41500 * time.Millisecond, End: 41600 * time.Millisecond, Replica: "a.1", Page: true, Written: 41550 * time.Millisecond,
			Shown: []Shown{{Capture: 7, Label: "small", Signed: true}}},
		Answer{Start: 41700 * time.Millisecond, End: 45 * s, Replica: "a.1", Signed: true, Shown: []Shown{{Capture: 7, Label: "small", Key: secret}}},
		Answer{Start: 46 * s, End: 46 * s, Replica: "a.1", Signed: true, Given: 7})
	h.Reads = append(h.Reads, Read{Start: 46 * s, End: 46 * s, Key: secret, Picture: Picture{7, 2}})
	h.Final = nil
	return h
}

// Each case changes the drafted history; want is the one rule that is violated then.
func TestCheckAccess(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		want   string
		change func(h *History)
	}{
		"nothing": {"", func(*History) {}},

		"private file to anybody": {"private without a signature", func(h *History) { h.Answers[5].Signed = false }},
		"private file of another label": {"private without a signature", func(h *History) {
			h.Rows[3].Label, h.Answers[5].Shown[0].Instead = "medium", "medium"
			h.Rows[3].New.Width = 128
		}},
		"picture of a draft to anybody": {"draft given", func(h *History) { h.Answers[6].Signed = false }},
		"picture of what was public just now": {"", func(h *History) {
			h.Answers[6].Signed, h.Answers[6].Start = false, 40900*time.Millisecond
		}},
		"public is signed": {"public is signed", func(h *History) {
			h.Answers[4].Start, h.Answers[4].End, h.Answers[4].Written = 38*s, 39*s, 38*s
		}},
		"private redirect of what is public": {"old answer", func(h *History) {
			h.Projects = append(h.Projects, ProjectChange{At: 60 * s, Project: 1, Public: true})
			a := h.Answers[5]
			a.Start, a.End = 62*s, 62*s
			h.Answers = append(h.Answers, a)
		}},

		"page from before": {"page of a draft", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 41100 * time.Millisecond, End: 41200 * time.Millisecond, Replica: "a.1", Written: 39 * s, Listed: []int64{7}})
		}},
		"page from just before": {"", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 40900 * time.Millisecond, End: 41 * s, Replica: "a.1", Written: 39 * s, Listed: []int64{7}})
		}},
		"page from before, unheard": {"", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 42 * s, End: 42 * s, Replica: "a.1", Written: 39 * s, Listed: []int64{7}})
			h.Faults = []Fault{{Start: 39 * s, End: 43 * s, Replica: "a", Kind: FaultListen}}
		}},
		"page from before, unheard for long": {"page of a draft", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 44 * s, End: 44 * s, Replica: "a.1", Written: 39 * s, Listed: []int64{7}})
			h.Faults = []Fault{{Start: 39 * s, End: 45 * s, Replica: "a", Kind: FaultListen}}
		}},
		"page from before, the file changed": {"page of a draft", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 42 * s, End: 42 * s, Replica: "a.1", Written: 39 * s, Listed: []int64{7}})
			h.Faults = []Fault{{Start: 39 * s, End: 43 * s, Replica: "a", Kind: FaultReload}}
		}},
		"page lists what is gone": {"", func(h *History) {
			h.Captures = append(h.Captures, CaptureChange{At: 35 * s, Capture: 7, Old: &Capture{200, 1}})
			h.Rows, h.Leases, h.Fetches, h.Deletes = h.Rows[:3], h.Leases[:4], h.Fetches[:2], h.Deletes[:1]
			h.Answers, h.Reads = append(h.Answers[:4], Answer{Start: 37 * s, End: 37 * s, Replica: "a.1", Listed: []int64{7}}), h.Reads[:2]
		}},
		"old page": {"page kept too long", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 39 * s, End: 39 * s, Replica: "a.1", Written: 30500 * time.Millisecond})
		}},

		"public row of a draft": {"public row of a draft", func(h *History) {
			h.Rows[3].Private, h.Rows[3].New.Path = false, key2
			h.Rows[3].Old, h.Rows[4].Old = h.Rows[4].Old, h.Rows[3].New
			h.Answers, h.Reads = h.Answers[:4], nil
		}},
		"public row as it turned": {"", func(h *History) { h.Projects[1].At = 24*s - 1; h.Answers = h.Answers[:3] }},
		"private row of what is public": {"private row of what is public", func(h *History) {
			h.Rows[3].At, h.Puts[3].Start, h.Puts[3].End = 39*s, 38*s, 38*s
			h.Leases[4].At, h.Fetches[2].Start = 37*s, 37*s
			h.Answers, h.Reads = h.Answers[:4], nil
			h.Leases, h.Fetches = h.Leases[:4], h.Fetches[:2]
		}},
		"private file in public storage": {"row without its file", func(h *History) { h.Puts[3].Key = key2 + "4"; h.Reads = h.Reads[:2] }},
		"public row removed": {"public row removed", func(h *History) {
			h.Rows[4].At, h.Rows[5].At, h.Deletes[1].Start = 39*s, 39*s, 54*s
		}},
		"public row without a file removed": {"", func(h *History) {
			h.Rows = append(h.Rows[:3], RowChange{At: 38 * s, By: "b.1", Capture: 7, Label: "medium", Old: h.Rows[2].New})
			h.Deletes[1] = Delete{Start: 37 * s, Key: key3}
			h.Rows[2].By, h.Rows[2].New.Path, h.Deletes = "app", "lost.jpg", h.Deletes[:1]
			h.Answers, h.Leases, h.Fetches, h.Reads = h.Answers[:4], h.Leases[:4], h.Fetches[:2], nil
		}},
		"file of a draft deleted early": {"file deleted too early", func(h *History) { h.Deletes[1].Start = 50 * s }},
		"fetched though private is there": {"fetched needlessly", func(h *History) {
			h.Rows[3].Label = "medium"
			h.Rows[3].New.Width = 128
			h.Answers, h.Reads = h.Answers[:4], nil
			h.Replicas["a.1"] = Replica{map[string]int{"medium": 128}}
			h.Leases = append(h.Leases, LeaseChange{At: 50 * s, By: "a.1", Capture: 7, New: &Lease{Holder: "A/3", Until: 58 * s}})
			h.Fetches = append(h.Fetches, Fetch{Start: 51 * s, Capture: 7, Content: 2})
			h.Answers = nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := drafted()
			test.change(h)
			violates(t, h, test.want)
		})
	}
}
