package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// nullsOf returns the captures whose null is found, in the order of the body.
func nullsOf(t testing.TB, body string, place Place) []thumb.ID {
	t.Helper()
	var f Found
	if !newScanner(t).ScanAt(&f, []byte(body), Hosts{nil, []byte("app.example.org")}, place) {
		return nil
	}
	var ids []thumb.ID
	last := -1
	for _, null := range f.Nulls {
		if body[null.Start:null.Start+4] != "null" || null.Start <= last {
			t.Errorf("%s: a null at %d", body, null.Start)
		}
		last = null.Start
		ids = append(ids, f.IDs[null.Capture])
	}
	return ids
}

// Nulls are found where the app puts captures, and nowhere else: what somebody once wrote
// into a field must not become a way to a draft.
func TestNulls(t *testing.T) {
	t.Parallel()
	const seven = `{"id":7,"thumbnails":null}`
	for name, c := range map[string]struct {
		body  string
		place Place
		want  []thumb.ID
	}{
		"a capture":                       {seven, Captures, []thumb.ID{7}},
		"with white space":                {" { \"id\" :\n7 , \"thumbnails\" : null } ", Captures, []thumb.ID{7}},
		"the null first":                  {`{"thumbnails":null,"x":[],"id":7}`, Captures, []thumb.ID{7}},
		"a list of captures":              {`{"count":2,"results":[` + seven + `,{"id":8,"thumbnails":{}},{"x":{"a":[1,"]"]},"thumbnails":null,"id":9}]}`, Captures, []thumb.ID{7, 9}},
		"the same capture twice":          {`{"results":[` + seven + `,` + seven + `]}`, Captures, []thumb.ID{7, 7}},
		"an empty list":                   {`{"results":[],"id":7,"thumbnails":null}`, Captures, []thumb.ID{7}},
		"captures in a capture's results": {`{"thumbnails":null,"results":[{"id":8,"thumbnails":null}],"id":7}`, Captures, []thumb.ID{7, 8}},
		"an event's examples":             {`{"results":[{"id":1,"thumbnails":null,"example_captures":[` + seven + `]}]}`, Events, []thumb.ID{7}},
		"an event's first capture":        {`{"id":1,"thumbnails":null,"first_capture":` + seven + `}`, Event, []thumb.ID{7}},
		"the largest id":                  {`{"id":9223372036854775807,"thumbnails":null}`, Captures, []thumb.ID{9223372036854775807}},

		"nowhere":                             {seven, Nowhere, nil},
		"a root that is a list":               {`[` + seven + `]`, Captures, nil},
		"deeper":                              {`{"results":[{"x":` + seven + `}]}`, Captures, nil},
		"a list in the list":                  {`{"results":[[` + seven + `]]}`, Captures, nil},
		"a free-form field of a capture":      {`{"id":8,"thumbnails":{},"data":` + seven + `}`, Captures, nil},
		"results that are no list":            {`{"results":` + seven + `}`, Captures, nil},
		"results in a member":                 {`{"x":{"results":[` + seven + `]}}`, Captures, nil},
		"an event's own":                      {seven, Event, nil},
		"events' own":                         {`{"results":[` + seven + `]}`, Events, nil},
		"an example that is no list":          {`{"results":[{"example_captures":` + seven + `}]}`, Events, nil},
		"a first capture in a list":           {`{"first_capture":[` + seven + `]}`, Event, nil},
		"a first capture of captures":         {`{"first_capture":` + seven + `}`, Captures, nil},
		"a capture in a field object":         {`{"id":8,"thumbnails":{"x":` + seven + `}}`, Captures, nil},
		"text":                                {`{"results":"[{\"id\":7,\"thumbnails\":null}]"}`, Captures, nil},
		"the id a string":                     {`{"id":"7","thumbnails":null}`, Captures, nil},
		"the id a float":                      {`{"id":7.0,"thumbnails":null}`, Captures, nil},
		"the id an exponent":                  {`{"id":7e0,"thumbnails":null}`, Captures, nil},
		"the id negative":                     {`{"id":-7,"thumbnails":null}`, Captures, nil},
		"the id zero":                         {`{"id":0,"thumbnails":null}`, Captures, nil},
		"the id with a leading zero":          {`{"id":07,"thumbnails":null}`, Captures, nil},
		"the id 2^63":                         {`{"id":9223372036854775808,"thumbnails":null}`, Captures, nil},
		"the id true":                         {`{"id":true,"thumbnails":null}`, Captures, nil},
		"the id in a list":                    {`{"id":[7],"thumbnails":null}`, Captures, nil},
		"no id":                               {`{"thumbnails":null}`, Captures, nil},
		"the id twice":                        {`{"id":8,"id":7,"thumbnails":null}`, Captures, nil},
		"the id twice, with escapes":          {`{"id":8,"\u0069d":7,"thumbnails":null}`, Captures, nil},
		"the id with escapes":                 {`{"i\u0064":7,"thumbnails":null}`, Captures, nil},
		"another name with escapes":           {`{"id":7,"thumbnails":null,"\u0078":1}`, Captures, nil},
		"the null twice":                      {`{"id":7,"thumbnails":null,"thumbnails":null}`, Captures, nil},
		"the null beside an object":           {`{"id":7,"thumbnails":null,"thumbnails":{}}`, Captures, nil},
		"the null with escapes":               {`{"id":7,"thumbn\u0061ils":null}`, Captures, nil},
		"results twice":                       {`{"results":[` + seven + `],"results":[]}`, Captures, nil},
		"results twice, the other text":       {`{"results":[` + seven + `],"results":"x"}`, Captures, nil},
		"examples twice":                      {`{"results":[{"example_captures":[` + seven + `],"example_captures":[]}]}`, Events, nil},
		"what only begins as null":            {`{"id":7,"thumbnails":nullnull}`, Captures, nil},
		"another literal":                     {`{"id":7,"thumbnails":nul}`, Captures, nil},
		"another name that ends so":           {`{"id":7,"my_thumbnails":null}`, Captures, nil},
		"cut off":                             {`{"results":[` + seven + `]`, Captures, nil},
		"something behind it":                 {seven + seven, Captures, nil},
		"brackets of another kind":            {`{"x":[},"id":7,"thumbnails":null,"y":{]}`, Captures, nil},
		"a comma too many":                    {`{"id":7,,"thumbnails":null}`, Captures, nil},
		"a comma at the end":                  {`{"id":7,"thumbnails":null,}`, Captures, nil},
		"two values without a comma between":  {`{"results":[` + seven + seven + `]}`, Captures, nil},
		"a colon too few":                     {`{"id" 7,"thumbnails":null}`, Captures, nil},
		"a value that is too deep to be read": {`{"id":7,"thumbnails":null,"x":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, Captures, nil},
	} {
		if got := nullsOf(t, c.body, c.place); !slices.Equal(got, c.want) {
			t.Errorf("%s: %s gives %d, want %d", name, c.body, got, c.want)
		}
	}
}

// It makes no difference where a chunk ends: in a name, in a string, after a backslash or
// in a value that is stepped over.
func TestNullsAcrossChunks(t *testing.T) {
	t.Parallel()
	for n := chunk*blockSize - 150; n < chunk*blockSize+2*blockSize; n++ {
		pad := strings.Repeat("x", n)
		for body, want := range map[string][]thumb.ID{
			`{"x":"` + pad + `\\\"{[","y":[{"]":"\\"},[]],"id":7,"z":{"id":8,"a":[]},"thumbnails":null}`: {7},
			`{"x":"` + pad + `","i\u0064":8,"id":7,"thumbnails":null}`:                                   nil,
			`{"x":1,"` + pad + `":2,"id":7,"thumbnails":null}`:                                           {7},
			`{"x":1,"\u0078` + pad + `":2,"id":7,"thumbnails":null}`:                                     nil,
			`{"x":"` + pad + `","y":[{]},"id":7,"thumbnails":null}`:                                      nil,
		} {
			if got := nullsOf(t, body, Captures); !slices.Equal(got, want) {
				t.Fatalf("after %d bytes: %d, want %d: %s", n, got, want, body)
			}
		}
	}
}

// Route URLs and nulls of one page are found together, each capture once.
func TestNullsBesideRouteURLs(t *testing.T) {
	t.Parallel()
	var f Found
	body := `{"results":[{"id":7,"thumbnails":null},{"id":8,"thumbnails":{"small":"/api/v2/captures/thumbnails/8/"}},{"id":9,"thumbnails":null}]}`
	if !newScanner(t).ScanAt(&f, []byte(body), Hosts{}, Captures) || len(f.Refs) != 1 || len(f.Nulls) != 2 || !slices.Equal(f.IDs, []thumb.ID{8, 7, 9}) {
		t.Errorf("found %+v", f)
	}
	if !newScanner(t).Scan(&f, []byte(body), Hosts{}) || len(f.Nulls) != 0 || len(f.IDs) != 1 {
		t.Errorf("left over: %+v", f)
	}
}

// FuzzNulls compares with encoding/json: what is found is what a JSON parser finds at the
// place, where nothing is there twice.
func FuzzNulls(f *testing.F) {
	f.Add(`{"results":[{"id":7,"thumbnails":null}]}`)
	f.Add(`{"id":7,"x":{"id":8},"thumbnails":null,"results":[{"thumbnails":null,"id":1e3}]}`)
	f.Add(`{"results":[{"id":7,"x":"}\"{","thumbnails":null},[],1]}`)
	f.Fuzz(func(t *testing.T, body string) {
		if !json.Valid([]byte(body)) {
			return
		}
		type object struct {
			ID         json.RawMessage `json:"id"`
			Thumbnails json.RawMessage `json:"thumbnails"`
		}
		var page struct {
			object
			Results []json.RawMessage `json:"results"`
		}
		_ = json.Unmarshal([]byte(body), &page)
		could := map[thumb.ID]int{}
		for _, raw := range page.Results {
			var o object
			_ = json.Unmarshal(raw, &o)
			note(could, o.ID, o.Thumbnails)
		}
		note(could, page.ID, page.Thumbnails)
		for _, id := range nullsOf(t, body, Captures) {
			if could[id]--; could[id] < 0 {
				t.Errorf("%s: capture %d is no such one", body, id)
			}
		}
	})
}

func note(could map[thumb.ID]int, id, thumbnails json.RawMessage) {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(id)), 10, 64)
	if err == nil && string(bytes.TrimSpace(thumbnails)) == "null" {
		could[thumb.ID(n)]++
	}
}

// privatePage is the page of 40 captures as the app gives it to a member of a draft
// project.
func privatePage(b testing.TB) []byte {
	var page map[string]any
	decoder := json.NewDecoder(bytes.NewReader(benchPage(b)))
	decoder.UseNumber()
	if err := decoder.Decode(&page); err != nil {
		b.Fatal(err)
	}
	for _, c := range page["results"].([]any) {
		c.(map[string]any)["thumbnails"] = nil
	}
	body, err := json.Marshal(page)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func BenchmarkScanOfNulls(b *testing.B) {
	public, private, s := benchPage(b), privatePage(b), newScanner(b)
	var f Found
	for _, c := range []struct {
		name  string
		body  []byte
		place Place
		nulls int
	}{{"public", public, Nowhere, 0}, {"public at a place", public, Captures, 0}, {"private", private, Captures, 40}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !s.ScanAt(&f, c.body, Hosts{}, c.place) || len(f.Nulls) != c.nulls {
					b.Fatal(fmt.Sprint(len(f.Nulls)))
				}
			}
		})
	}
}
