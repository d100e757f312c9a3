package drive

import (
	"bytes"
	"image"
	"image/jpeg"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	xdraw "golang.org/x/image/draw"

	"github.com/thumbedge/thumbedge/internal/history"
)

// Every number can be read from a thumbnail of every width that is used.
func TestPicturesCanBeRead(t *testing.T) {
	t.Parallel()
	for capture := int64(0); capture < 1<<bits; capture += 41 {
		want := history.Picture{Capture: capture, Content: int(capture ^ (1<<bits - 1))}
		original, err := jpeg.Decode(bytes.NewReader(drawOriginal(want)))
		if err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{96, 144, 192} {
			small := image.NewGray(image.Rect(0, 0, width, width/6))
			xdraw.CatmullRom.Scale(small, small.Bounds(), original, original.Bounds(), xdraw.Src, nil)
			var out bytes.Buffer
			if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: 82}); err != nil {
				t.Fatal(err)
			}
			if got, err := readPicture(out.Bytes()); got != want || err != nil {
				t.Errorf("%d pixels wide: %+v, %v; want %+v", width, got, err, want)
			}
		}
	}
}

func TestComparePages(t *testing.T) {
	t.Parallel()
	const route = "http://app/api/v2/captures/thumbnails/"
	app := `{"note":"` + route + `7/?label=small","thumbnails":{"small":"` + route + `7/?label=small","medium": "` + route + `7/?label=medium"}}`
	warm := strings.Replace(app, `"small":"`+route+`7/?label=small"`, `"small":"http://files/thumbnails/x.jpg"`, 1)
	cold := []history.Shown{{Capture: 7, Label: "small"}, {Capture: 7, Label: "medium"}}
	for name, test := range map[string]struct {
		page string
		want []history.Shown
	}{
		"as the app wrote it": {app, cold},
		"one is warm":         {warm, []history.Shown{{Capture: 7, Label: "small", Key: "thumbnails/x.jpg"}, cold[1]}},
		"another host":        {strings.Replace(warm, "http://files", "http://other", 1), nil},
		"a byte more":         {warm + "\n", nil},
		"a byte less":         {warm[:len(warm)-1], nil},
		"the note is changed": {strings.Replace(app, `"note":"`+route+`7/?label=small"`, `"note":"http://files/thumbnails/x.jpg"`, 1), nil},
		"cut off in a URL":    {app[:strings.Index(app, `"small":"`)+20], nil},
		"other white space":   {strings.Replace(warm, `"medium": "`, `"medium":"`, 1), nil},
	} {
		got, _, err := comparePages([]byte(app), []byte(test.page), "http://files/")
		if (err != nil) != (test.want == nil) || err == nil && !cmp.Equal(got, test.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, test.want)
		}
	}
}

// Of what stands in the place of a null.
func TestCompareNulls(t *testing.T) {
	t.Parallel()
	const null = `[{"id":8,"thumbnails":null,"x":1}]`
	of := func(id, label string) string {
		return publicURL + "/api/v2/captures/thumbnails/" + id + "/?label=" + label + "&expires=1&signature=x"
	}
	filled := func(small, medium string) string {
		return `[{"id":8,"thumbnails":{"small":"` + small + `","medium":"` + medium + `"},"x":1}]`
	}
	for name, test := range map[string]struct {
		page   string
		signed []string // nil: it is wrong
	}{
		"it stays":        {null, []string{}},
		"filled":          {filled(of("8", "small"), of("8", "medium")), []string{of("8", "small"), of("8", "medium")}},
		"another capture": {filled(of("9", "small"), of("8", "medium")), nil},
		"another label":   {filled(of("8", "medium"), of("8", "medium")), nil},
		"not signed":      {filled("http://files/thumbnails/x.jpg", of("8", "medium")), nil},
		"nothing in it":   {`[{"id":8,"thumbnails":{},"x":1}]`, nil},
		"no object":       {`[{"id":8,"thumbnails":"` + of("8", "small") + `","x":1}]`, nil},
		"cut off":         {filled(of("8", "small"), of("8", "medium"))[:60], nil},
		"what follows":    {strings.Replace(filled(of("8", "small"), of("8", "medium")), `"x":1`, `"x":2`, 1), nil},
	} {
		shown, targets, err := comparePages([]byte(null), []byte(test.page), "http://files/")
		if (err != nil) != (test.signed == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(targets) != len(test.signed) || len(shown) != len(targets) {
			t.Fatalf("%s: %q is signed, want %q", name, targets, test.signed)
		}
		for i, s := range shown {
			if publicURL+targets[i] != test.signed[i] || !s.Signed || s.Capture != 8 {
				t.Errorf("%s: %+v by %s", name, s, targets[i])
			}
		}
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	if capture, label, err := parseKey("thumbnails/capture_12/small_0123456789abcdef.jpg"); capture != 12 || label != "small" || err != nil {
		t.Errorf("%d, %q, %v", capture, label, err)
	}
	for _, key := range []string{"", "thumbnails/capture_12/small.jpg", "x/thumbnails/capture_12/small_0123456789abcdef.jpg"} {
		if _, _, err := parseKey(key); err == nil {
			t.Errorf("%q is taken for a key", key)
		}
	}
}
