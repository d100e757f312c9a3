package thumb_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestParseID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]thumb.ID{
		"1": 1, "007": 7, "9223372036854775807": math.MaxInt64,
		// None of these is a capture.
		"": 0, "0": 0, "000": 0, "-1": 0, "+1": 0, " 1": 0, "1 ": 0, "1.0": 0, "0x1": 0, "1e3": 0, "١": 0,
		"9223372036854775808": 0, "18446744073709551616": 0, "99999999999999999999": 0,
		strings.Repeat("0", 64) + "1": 0,
	} {
		id, ok := thumb.ParseID(text)
		if id != want && ok || ok != (want != 0) {
			t.Errorf("ParseID(%q) = %d, %t; want %d", text, id, ok, want)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	spec := thumb.Spec{Label: "small", Width: 240}
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	row := func(edit func(*thumb.Row)) *thumb.Row {
		r := &thumb.Row{Label: "small", Path: "thumbnails/capture_1/small.jpg", Width: 240, Height: 127, LastModified: noon}
		if edit != nil {
			edit(r)
		}
		return r
	}
	for name, c := range map[string]struct {
		row      *thumb.Row
		modified time.Time
		want     thumb.Verdict
	}{
		"no row":                           {nil, noon, thumb.Cold},
		"same moment":                      {row(nil), noon, thumb.Warm},
		"original older":                   {row(nil), noon.Add(-time.Hour), thumb.Warm},
		"original newer by a microsecond":  {row(nil), noon.Add(time.Microsecond), thumb.Stale},
		"original's time unknown":          {row(nil), time.Time{}, thumb.Warm},
		"row's time unknown":               {row(func(r *thumb.Row) { r.LastModified = time.Time{} }), noon, thumb.Warm},
		"blank path":                       {row(func(r *thumb.Row) { r.Path = "" }), noon, thumb.Stale},
		"one pixel narrower":               {row(func(r *thumb.Row) { r.Width = 239 }), noon, thumb.Stale},
		"one pixel wider":                  {row(func(r *thumb.Row) { r.Width = 241 }), noon, thumb.Stale},
		"another zone, the same moment":    {row(nil), noon.In(time.FixedZone("", 3600)), thumb.Warm},
		"another height is not looked at":  {row(func(r *thumb.Row) { r.Height = 1 }), noon, thumb.Warm},
		"another size is not looked at":    {row(func(r *thumb.Row) { r.Size = 0 }), noon, thumb.Warm},
		"blank path beats an unknown time": {row(func(r *thumb.Row) { r.Path = "" }), time.Time{}, thumb.Stale},
	} {
		if got := thumb.Judge(c.row, spec, c.modified); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestKeyRoundTrip(t *testing.T) {
	t.Parallel()
	keys := thumb.Keys("thumbnails/")
	for _, digits := range []uint64{0, 1, 0xdeadbeef, math.MaxUint64} {
		path := string(keys.Append(nil, 42, "small", digits))
		if got, ok := keys.Parse(path, 42, "small"); !ok || got != digits {
			t.Errorf("Parse(%q) = %x, %t", path, got, ok)
		}
	}
	if path := string(keys.Append(nil, 42, "small", 0xab)); path != "thumbnails/capture_42/small_00000000000000ab.jpg" {
		t.Errorf("the key is %q", path)
	}
	for _, other := range []string{
		"", ".jpg", "thumbnails/capture_42/small.jpg", "thumbnails/capture_42/small_00000000000000AB.jpg",
		"thumbnails/capture_43/small_00000000000000ab.jpg", "thumbnails/capture_42/medium_00000000000000ab.jpg",
		"thumbnails/capture_042/small_00000000000000ab.jpg", "other/capture_42/small_00000000000000ab.jpg",
		"thumbnails/capture_42/small_000000000000000ab.jpg", "thumbnails/capture_42/small_00000000000000ab.png",
	} {
		if _, ok := keys.Parse(other, 42, "small"); ok {
			t.Errorf("Parse(%q) takes it for a key of ours", other)
		}
	}
}

// Only keys that are used once may be kept for good.
func TestOwnKeys(t *testing.T) {
	t.Parallel()
	const digits = "00000000000000ab"
	for path, own := range map[string]bool{
		"thumbnails/capture_42/small_" + digits + ".jpg":         true,
		"thumbnails/capture_42/not_so_small_" + digits + ".jpg":  true,
		"thumbnails/capture_42/small.jpg":                        false,
		"thumbnails/capture_42/small_jZ8kQ1x.jpg":                false, // as Django makes a name that is free
		"thumbnails/capture_42/small_" + digits + ".png":         false,
		"thumbnails/capture_42/small_00000000000000AB.jpg":       false,
		"thumbnails/capture_42/small" + digits + ".jpg":          false,
		"thumbnails/capture_42/_" + digits + ".jpg":              false,
		"thumbnails/capture_42/x/small_" + digits + ".jpg":       false,
		"thumbnails/capture_042/small_" + digits + ".jpg":        false,
		"thumbnails/capture_0/small_" + digits + ".jpg":          false,
		"thumbnails/capture_x/small_" + digits + ".jpg":          false,
		"uploads/thumbnails/capture_42/small_" + digits + ".jpg": false,
		"thumbnails/small_" + digits + ".jpg":                    false,
		"":                                                       false,
	} {
		if got := thumb.Keys("thumbnails/").Own(path); got != own {
			t.Errorf("%q is of our own scheme: %t, want %t", path, got, own)
		}
	}
}

func FuzzKeyParse(f *testing.F) {
	keys := thumb.Keys("thumbnails/")
	f.Add("thumbnails/capture_42/small_00000000000000ab.jpg", int64(42), "small")
	f.Fuzz(func(t *testing.T, path string, id int64, label string) {
		digits, ok := keys.Parse(path, thumb.ID(id), label)
		if again := string(keys.Append(nil, thumb.ID(id), label, digits)); ok && again != path {
			t.Errorf("%q was parsed, and gives %q back", path, again)
		}
	})
}

func TestDecide(t *testing.T) {
	t.Parallel()
	specs := thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}
	keys := thumb.Keys("thumbnails/")
	ours := string(keys.Append(nil, 7, "small", 0xc0ffee))
	legacy := "thumbnails/capture_7/medium.jpg"
	capture := thumb.Capture{ID: 7, Public: true, Rows: []thumb.Row{
		{Label: "medium", Path: legacy, Width: 1024}, {Label: "large", Path: "x.jpg", Width: 2559}, {Label: "small", Path: ours, Width: 240},
		{Label: "unheard of", Path: "y.jpg", Width: 1},
	}}
	answer := thumb.Decide(&capture, specs, keys, "private/")
	if want := [thumb.MaxSpecs]thumb.Verdict{thumb.Warm, thumb.Warm, thumb.Stale}; answer.Verdicts != want {
		t.Fatalf("verdicts %v, want %v", answer.Verdicts, want)
	}
	for position, want := range []string{ours, legacy} {
		if got := string(answer.AppendPath(nil, keys, 7, specs[position].Label, position)); got != want {
			t.Errorf("path %q, want %q", got, want)
		}
	}
	capture.Public = false
	if diff := cmp.Diff(thumb.Known{Standing: thumb.Private}, thumb.Decide(&capture, specs, keys, "private/")); diff != "" {
		t.Errorf("a capture that is not public tells about its thumbnails: %s", diff)
	}
}

// A draft tells of its private thumbnails and of no other.
func TestDecideOfADraft(t *testing.T) {
	t.Parallel()
	specs := thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}}
	keys, private := thumb.Keys("thumbnails/"), thumb.Keys("drafts/")
	public := string(keys.Append(nil, 7, "small", 0xc0ffee))
	capture := thumb.Capture{
		ID: 7, Draft: true, Project: 3,
		Rows:        []thumb.Row{{Label: "small", Path: public, Width: 240}, {Label: "medium", Path: "thumbnails/capture_7/medium.jpg", Width: 1024}},
		PrivateRows: []thumb.Row{{Label: "medium", Path: string(private.Append(nil, 7, "medium", 0xbee)), Width: 1024}},
	}
	want := thumb.Known{
		Standing: thumb.Draft, Project: 3, Verdicts: [thumb.MaxSpecs]thumb.Verdict{thumb.Cold, thumb.Warm}, Digits: [thumb.MaxSpecs]uint64{0, 0xbee},
	}
	if diff := cmp.Diff(want, thumb.Decide(&capture, specs, keys, private)); diff != "" {
		t.Error(diff)
	}
	work := thumb.Work{Capture: capture}
	if row, needed := work.NeedsRender(specs[0]); row != nil || !needed {
		t.Errorf("a draft's public thumbnail %v is taken for its private one", row)
	}
}

func TestNeedsRender(t *testing.T) {
	t.Parallel()
	spec := thumb.Spec{Label: "small", Width: 240}
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	old, fresh := now.Add(-60*time.Second), now.Add(-59*time.Second)
	for name, c := range map[string]struct {
		row      *thumb.Row
		modified time.Time
		want     bool
	}{
		"no row":                            {nil, old, true},
		"valid":                             {&thumb.Row{Label: "small", Path: "p", Width: 240, UpdatedAt: old}, old, false},
		"blank path, just written":          {&thumb.Row{Label: "small", Width: 240, UpdatedAt: fresh}, old, true},
		"another width, long ago":           {&thumb.Row{Label: "small", Path: "p", Width: 320, UpdatedAt: old}, old, true},
		"another width, just now":           {&thumb.Row{Label: "small", Path: "p", Width: 320, UpdatedAt: fresh}, old, false},
		"another width, original replaced":  {&thumb.Row{Label: "small", Path: "p", Width: 320, UpdatedAt: fresh, LastModified: old}, fresh, true},
		"this width, original replaced":     {&thumb.Row{Label: "small", Path: "p", Width: 240, UpdatedAt: fresh, LastModified: old}, fresh, true},
		"another width and blank, just now": {&thumb.Row{Label: "small", Width: 320, UpdatedAt: fresh}, old, true},
	} {
		work := thumb.Work{Now: now, Capture: thumb.Capture{ID: 1, Public: true, LastModified: c.modified}}
		if c.row != nil {
			work.Capture.Rows = []thumb.Row{*c.row}
		}
		if _, got := work.NeedsRender(spec); got != c.want {
			t.Errorf("%s: needs render %t, want %t", name, got, c.want)
		}
	}
}

func TestSpecsValidateReportsEverything(t *testing.T) {
	t.Parallel()
	err := thumb.Specs{{Label: "a b", Width: 10}, {Label: "ok", Width: 0}, {Label: "ok", Width: 5, Height: -1}}.Validate()
	for _, want := range []string{`"a b"`, `"ok" is 0x0`, `"ok" is configured twice`, `"ok" is 5x-1`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error %v does not mention %s", err, want)
		}
	}
	if thumb.Specs(nil).Validate() == nil {
		t.Error("no labels at all are accepted")
	}
}

func TestAnswerIsAllocationFree(t *testing.T) {
	keys := thumb.Keys("thumbnails/")
	answer := thumb.Known{Standing: thumb.Public, Digits: [thumb.MaxSpecs]uint64{5}}
	buf := make([]byte, 0, 128)
	if n := testing.AllocsPerRun(100, func() { buf = answer.AppendPath(buf[:0], keys, 9, "small", 0) }); n != 0 {
		t.Errorf("%v allocations for a path, want 0", n)
	}
}
