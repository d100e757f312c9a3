package history

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const s = time.Second

const key1, key2, key3 = "thumbnails/capture_7/small_1.jpg", "thumbnails/capture_7/small_2.jpg", "thumbnails/capture_7/medium_3.jpg"

// explained is a history that the promises allow: capture 7 of project 1 is rendered by
// one replica, then its original is replaced, and the other replica renders it again.
func explained() *History {
	row := func(path string, width int, version int64) *Row {
		return &Row{Path: path, Width: width, Version: version}
	}
	widths := map[string]int{"small": 64, "medium": 128}
	return &History{
		Settings: Settings{DeleteAfter: 6 * s, Connected: s, Unlistened: 3 * s, Reconnect: 4 * s},
		Replicas: map[string]Replica{"a.1": {widths}, "b.1": {widths}},
		Projects: []ProjectChange{{At: 0, Project: 1, Public: true}},
		Captures: []CaptureChange{
			{At: 1 * s, Capture: 7, New: &Capture{Version: 100, Project: 1}},
			{At: 20 * s, Capture: 7, Old: &Capture{Version: 100, Project: 1}, New: &Capture{Version: 200, Project: 1}},
		},
		Originals: []Original{{Capture: 7, Version: 100, Content: 1}, {Capture: 7, Version: 200, Content: 2}},
		Leases: []LeaseChange{
			{At: 2 * s, By: "a.1", Capture: 7, New: &Lease{Holder: "A/1", Until: 10 * s}},
			{At: 5 * s, By: "a.1", Capture: 7, Old: &Lease{Holder: "A/1", Until: 10 * s}},
			{At: 21 * s, By: "b.1", Capture: 7, New: &Lease{Holder: "B/1", Until: 29 * s}},
			{At: 25 * s, By: "b.1", Capture: 7, Old: &Lease{Holder: "B/1", Until: 29 * s}},
		},
		Fetches: []Fetch{{Start: 3 * s, Capture: 7, Content: 1}, {Start: 22 * s, Capture: 7, Content: 2}},
		Puts: []Put{
			{Start: 3 * s, End: 3500 * time.Millisecond, Key: key1, Kept: true, Sum: "1", Picture: Picture{7, 1}},
			{Start: 22 * s, End: 23 * s, Key: key2, Kept: true, Sum: "2", Picture: Picture{7, 2}},
			{Start: 22 * s, End: 23 * s, Key: key3, Kept: true, Sum: "3", Picture: Picture{7, 2}},
		},
		Rows: []RowChange{
			{At: 4 * s, By: "a.1", Capture: 7, Label: "small", New: row(key1, 64, 100)},
			{At: 24 * s, By: "b.1", Capture: 7, Label: "small", Old: row(key1, 64, 100), New: row(key2, 64, 200)},
			{At: 24 * s, By: "b.1", Capture: 7, Label: "medium", New: row(key3, 128, 200)},
		},
		Deletes: []Delete{{Start: 31 * s, End: 31 * s, Key: key1}},
		Answers: []Answer{
			{Start: 3 * s, End: 5 * s, Replica: "a.1", Shown: []Shown{{Capture: 7, Label: "small", Key: key1}}},
			{Start: 6 * s, End: 6 * s, Replica: "b.1", Page: true, Shown: []Shown{{Capture: 7, Label: "small", Key: key1}, {Capture: 7, Label: "medium"}}},
			{Start: 20500 * time.Millisecond, End: 20600 * time.Millisecond, Replica: "a.1", Page: true, Shown: []Shown{{Capture: 7, Label: "small", Key: key1}}},
			{Start: 30 * s, End: 30 * s, Replica: "a.1", Page: true, Shown: []Shown{{Capture: 7, Label: "small", Key: key2}}},
		},
		Reads: []Read{
			{Start: 6 * s, End: 6 * s, Key: key1, Picture: Picture{7, 1}},
			{Start: 32 * s, End: 32 * s, Key: key1, Missing: true}, // it was deleted
		},
		Final: &Final{
			Warm:  []Shown{{Capture: 7, Label: "small", Key: key2}, {Capture: 7, Label: "medium", Key: key3}},
			Files: []string{key2, key3},
		},
	}
}

// answer adds a page or redirect that shows a key at a moment.
func answer(h *History, replica string, page bool, start, end Moment, label, key string) {
	h.Answers = append(h.Answers, Answer{Start: start, End: end, Replica: replica, Page: page, Shown: []Shown{{Capture: 7, Label: label, Key: key}}})
}

// draft makes project 1 a draft from 26 s to 29 s.
func draft(h *History) {
	h.Projects = append(h.Projects, ProjectChange{At: 26 * s, Project: 1}, ProjectChange{At: 29 * s, Project: 1, Public: true})
}

// Each case changes the explained history; want is the one rule that is violated then,
// "" for none.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		want   string
		change func(h *History)
	}{
		"nothing": {"", func(*History) {}},

		// Files.
		"row before the file is there": {"row without its file", func(h *History) { h.Puts[0].End = 4*s + 1 }},
		"upload answered, not kept":    {"row without its file", func(h *History) { h.Puts[0].Kept = false }},
		"no upload at all":             {"row without its file", func(h *History) { h.Puts = h.Puts[1:] }},
		"somebody else's row":          {"", func(h *History) { h.Rows[0].By, h.Puts = "app", h.Puts[1:] }},
		"upload tried again": {"", func(h *History) {
			h.Puts = append(h.Puts, Put{Start: 3 * s, End: 3600 * time.Millisecond, Key: key1, Kept: true, Sum: "1", Picture: Picture{7, 1}})
		}},
		"key with other bytes": {"key used twice", func(h *History) {
			h.Puts = append(h.Puts, Put{Start: 3 * s, End: 3600 * time.Millisecond, Key: key1, Sum: "2"})
		}},
		"key after its row": {"key used twice", func(h *History) {
			h.Puts = append(h.Puts, Put{Start: 4500 * time.Millisecond, End: 5 * s, Key: key1, Sum: "1"})
		}},
		"deleted while named": {"file deleted too early", func(h *History) {
			h.Deletes[0].Key, h.Reads = key2, nil
			h.Final.Files = append(h.Final.Files, key1)
			h.Final.Recorded = []string{key1}
		}},
		"deleted before delete_after": {"file deleted too early", func(h *History) { h.Deletes[0].Start = 29 * s }},
		"deleted, then named":         {"file deleted too early", func(h *History) { h.Deletes = append(h.Deletes, Delete{Start: 3800 * time.Millisecond, Key: key1}) }},
		"removed by the app, deleted at once": {"", func(h *History) {
			h.Rows = append(h.Rows, RowChange{At: 40 * s, By: "app", Capture: 7, Label: "medium", Old: &Row{Path: key3, Width: 128, Version: 200}})
			h.Deletes = append(h.Deletes, Delete{Start: 41 * s, End: 41 * s, Key: key3})
			h.Final = nil
		}},
		"replaced by the app, deleted at once": {"", func(h *History) {
			h.Rows = append(h.Rows, RowChange{At: 40 * s, By: "app", Capture: 7, Label: "medium", Old: &Row{Path: key3, Width: 192, Version: 200}, New: &Row{Path: "app.jpg"}})
			h.Deletes = append(h.Deletes, Delete{Start: 41 * s, End: 41 * s, Key: key3})
			h.Final = nil
		}},
		"touched by a replica, then removed by the app": {"", func(h *History) {
			same := &Row{Path: key3, Width: 192, Version: 200}
			h.Rows = append(h.Rows, RowChange{At: 39 * s, By: "a.1", Capture: 7, Label: "medium", Old: same, New: same}, RowChange{At: 40 * s, By: "app", Capture: 7, Label: "medium", Old: same})
			h.Deletes = append(h.Deletes, Delete{Start: 41 * s, End: 41 * s, Key: key3})
			h.Final = nil
		}},
		"touched, then replaced": {"file deleted too early", func(h *History) {
			h.Rows = slices.Insert(h.Rows, 1, RowChange{At: 23900 * time.Millisecond, By: "app", Capture: 7, Label: "small", Old: h.Rows[0].New, New: h.Rows[0].New})
			h.Deletes[0].Start = 29 * s
		}},
		"file that cannot be read": {"file missing", func(h *History) { h.Reads[0] = Read{Start: 6 * s, End: 6 * s, Key: key1, Missing: true} }},
		"file of another picture":  {"another picture", func(h *History) { h.Reads[0].Picture.Capture = 8 }},

		// Rows.
		"older over newer": {"older over newer", func(h *History) {
			h.Rows[0].New.Version, h.Rows[1].Old.Version = 300, 300
			h.Originals[1].Version = 400
			h.Answers = h.Answers[:2]
		}},
		"older over another width": {"", func(h *History) {
			h.Rows[0].New.Version, h.Rows[1].Old.Version = 150, 250
			h.Rows[1].Old.Width = 32
		}},
		"version that was not fetched": {"older picture", func(h *History) { h.Puts[1].Picture.Content = 1 }},
		"version taken at the end":     {"older picture", func(h *History) { h.Rows[0].New.Version = 201 }},
		"newer picture than claimed":   {"", func(h *History) { h.Puts[0].Picture.Content, h.Reads[0].Picture.Content = 2, 2 }},
		"row of another capture":       {"another picture", func(h *History) { h.Puts[1].Picture.Capture = 8 }},

		// Leases.
		"lease taken early": {"lease taken early", func(h *History) {
			h.Leases[1] = LeaseChange{At: 5 * s, By: "b.1", Capture: 7, Old: &Lease{Holder: "A/1", Until: 10 * s}, New: &Lease{Holder: "B/0", Until: 13 * s}}
			h.Leases[2].Old = &Lease{Holder: "B/0", Until: 13 * s}
		}},
		"lapsed lease taken": {"", func(h *History) {
			h.Leases[1] = LeaseChange{At: 11 * s, By: "b.1", Capture: 7, Old: &Lease{Holder: "A/1", Until: 10 * s}, New: &Lease{Holder: "B/0", Until: 13 * s}}
			h.Leases[2].Old = &Lease{Holder: "B/0", Until: 13 * s}
		}},
		"lease of another given up": {"lease of another given up", func(h *History) { h.Leases[1].By = "b.1" }},
		"lapsed lease of another given up": {"", func(h *History) {
			h.Leases[1].By, h.Leases[1].At = "b.1", 71*s
			h.Leases = h.Leases[:2]
			h.Fetches = h.Fetches[:1]
		}},
		"fetched twice under one lease": {"fetched without a lease", func(h *History) { h.Fetches = append(h.Fetches, Fetch{Start: 3 * s, Capture: 7}) }},
		"fetched after letting go":      {"fetched without a lease", func(h *History) { h.Fetches[0].Start = 6 * s }},
		"fetched late, held up": {"", func(h *History) {
			h.Fetches[0].Start = 6 * s
			h.Faults = []Fault{{Start: 4 * s, End: 6 * s, Kind: FaultSource}}
		}},
		"fetched late, long after a fault": {"fetched without a lease", func(h *History) {
			h.Fetches[0].Start = 6 * s
			h.Faults = []Fault{{Start: 0, End: s, Kind: FaultSource}}
		}},
		"fetched though valid": {"fetched needlessly", func(h *History) {
			h.Leases = append(h.Leases, LeaseChange{At: 40 * s, By: "a.1", Capture: 7, New: &Lease{Holder: "A/2", Until: 48 * s}})
			h.Fetches = append(h.Fetches, Fetch{Start: 41 * s, Capture: 7, Content: 2})
		}},
		"fetched by a wider configuration": {"", func(h *History) {
			h.Replicas["a.2"] = Replica{map[string]int{"small": 64, "medium": 96}}
			h.Leases = append(h.Leases, LeaseChange{At: 40 * s, By: "a.2", Capture: 7, New: &Lease{Holder: "A/2", Until: 48 * s}})
			h.Fetches = append(h.Fetches, Fetch{Start: 41 * s, Capture: 7, Content: 2})
		}},

		// Answers.
		"page of a second later": {"old answer", func(h *History) {
			answer(h, "a.1", true, 21100*time.Millisecond, 21200*time.Millisecond, "small", key1)
		}},
		"page of a row to come":        {"old answer", func(h *History) { answer(h, "a.1", true, 23*s, 23900*time.Millisecond, "small", key2) }},
		"page of a key that never was": {"old answer", func(h *History) { answer(h, "a.1", true, 23*s, 25*s, "small", "x") }},
		"page of another label's key":  {"old answer", func(h *History) { answer(h, "a.1", true, 30*s, 30*s, "small", key3) }},
		"page that was cut off": {"", func(h *History) {
			answer(h, "a.1", true, 22500*time.Millisecond, 22600*time.Millisecond, "small", key1)
			h.Faults = []Fault{{Start: 19 * s, End: 23 * s, Replica: "a", Kind: FaultListen}}
		}},
		"page that was cut off too long": {"old answer", func(h *History) {
			answer(h, "a.1", true, 23500*time.Millisecond, 23600*time.Millisecond, "small", key1)
			h.Faults = []Fault{{Start: 19 * s, End: 23 * s, Replica: "a", Kind: FaultListen}}
		}},
		"page while another is cut off": {"old answer", func(h *History) {
			answer(h, "a.1", true, 22500*time.Millisecond, 22600*time.Millisecond, "small", key1)
			h.Faults = []Fault{{Start: 19 * s, End: 23 * s, Replica: "b", Kind: FaultListen}}
		}},
		"page while queries are slow": {"old answer", func(h *History) {
			answer(h, "a.1", true, 22500*time.Millisecond, 22600*time.Millisecond, "small", key1)
			h.Faults = []Fault{{Start: 19 * s, End: 23 * s, Replica: "a", Kind: FaultQueries}}
		}},
		"page while the machine stood": {"", func(h *History) {
			answer(h, "a.1", true, 21500*time.Millisecond, 21600*time.Millisecond, "small", key1)
			h.Faults = []Fault{{Start: 20500 * time.Millisecond, End: 21400 * time.Millisecond, Kind: FaultStall}}
		}},
		"draft":              {"old answer", func(h *History) { draft(h); answer(h, "a.1", true, 27100*time.Millisecond, 28*s, "small", key2) }},
		"draft a moment ago": {"", func(h *History) { draft(h); answer(h, "a.1", true, 26900*time.Millisecond, 28*s, "small", key2) }},
		"draft's redirect":   {"old answer", func(h *History) { draft(h); answer(h, "a.1", false, 27100*time.Millisecond, 28*s, "small", key2) }},
		"public again":       {"", func(h *History) { draft(h); answer(h, "a.1", true, 28*s, 29*s, "small", key2) }},
		"capture deleted": {"old answer", func(h *History) {
			h.Captures = append(h.Captures, CaptureChange{At: 26 * s, Capture: 7, Old: &Capture{200, 1}})
			h.Final, h.Answers = nil, h.Answers[:3]
			answer(h, "a.1", true, 28*s, 28*s, "small", key2)
		}},
		"page of another width": {"old answer", func(h *History) {
			h.Replicas["c.1"] = Replica{map[string]int{"small": 32}}
			answer(h, "c.1", true, 30*s, 30*s, "small", key2)
		}},
		"redirect of another width": {"", func(h *History) {
			h.Replicas["c.1"] = Replica{map[string]int{"small": 32}}
			answer(h, "c.1", false, 30*s, 30*s, "small", key2)
		}},
		"redirect of the render in hand": {"", func(h *History) {
			h.Captures[1].At = 2500 * time.Millisecond
			h.Answers = nil
			answer(h, "a.1", false, 3800*time.Millisecond, 4500*time.Millisecond, "small", key1)
		}},
		"redirect of another's render": {"old answer", func(h *History) {
			h.Captures[1].At = 2500 * time.Millisecond
			h.Answers = nil
			answer(h, "b.1", false, 3800*time.Millisecond, 4500*time.Millisecond, "small", key1)
		}},
		"redirect after the render": {"old answer", func(h *History) {
			h.Captures[1].At = 2500 * time.Millisecond
			h.Answers = nil
			answer(h, "a.1", false, 6*s, 7*s, "small", key1)
		}},
		"wider instead": {"", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 30 * s, End: 30 * s, Replica: "a.1", Shown: []Shown{{Capture: 7, Label: "small", Key: key3, Instead: "medium"}}})
		}},
		"narrower instead": {"old answer", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 30 * s, End: 30 * s, Replica: "a.1", Shown: []Shown{{Capture: 7, Label: "medium", Key: key2, Instead: "small"}}})
		}},
		"not the app's page": {"wrong answer", func(h *History) { h.Answers[0].Wrong = "byte 7 differs" }},

		"no answer": {"no answer", func(h *History) { h.Answers[3] = Answer{Start: 30 * s, End: 30 * s, Replica: "a.1", Failed: "EOF"} }},
		"no answer while killed": {"", func(h *History) {
			h.Answers[3] = Answer{Start: 30 * s, End: 30 * s, Replica: "a.1", Failed: "EOF"}
			h.Faults = []Fault{{Start: 29 * s, End: 31 * s, Replica: "a", Kind: FaultHalt}}
		}},
		"unknown though there": {"wrong answer", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 30 * s, End: 30 * s, Replica: "a.1", Unknown: 7})
		}},
		"unknown at first": {"", func(h *History) {
			h.Answers = append(h.Answers, Answer{Start: 0, End: 2 * s, Replica: "a.1", Unknown: 7})
		}},

		// In the end.
		"cold in the end":           {"not healed", func(h *History) { h.Final.Warm[0].Key = "" }},
		"a problem in the end":      {"not healed", func(h *History) { h.Final.Problems = []string{"x"} }},
		"file gone in the end":      {"row without its file", func(h *History) { h.Final.Files = h.Final.Files[:1] }},
		"file forgotten in the end": {"file forgotten", func(h *History) { h.Final.Files = append(h.Final.Files, key1) }},
		"file recorded in the end":  {"", func(h *History) { h.Final.Files, h.Final.Recorded = append(h.Final.Files, key1), []string{key1} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := explained()
			test.change(h)
			violates(t, h, test.want)
		})
	}
}

// violates compares the rules that a history violates with those that are wanted.
func violates(t *testing.T, h *History, want string) {
	t.Helper()
	var rules, texts []string
	for _, v := range Check(h) {
		rules, texts = append(rules, v.Rule), append(texts, v.String())
	}
	if got := strings.Join(slices.Compact(rules), ", "); got != want {
		t.Errorf("violated: %q, want %q\n%s", got, want, strings.Join(texts, "\n"))
	}
}
