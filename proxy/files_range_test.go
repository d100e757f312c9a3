package proxy

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRanges(t *testing.T) {
	t.Parallel()
	p, _, _ := startFiles(t)
	for header, want := range map[string][]string{ // nil: all of it; empty: 416
		"bytes=0-0":                       {"0"},
		"bytes=0-":                        {fileText},
		"bytes=5-9":                       {"56789"},
		"bytes=18-100":                    {"ij"},
		"bytes=-3":                        {"hij"},
		"bytes=-100":                      {fileText},
		"Bytes=19-":                       {"j"},
		"bytes=0-0,-1":                    {"0", "j"},
		"bytes= 5-6 , 1-2 ,, 19-":         {"56", "12", "j"},
		"bytes=0-0,50-60":                 {"0"},
		"bytes=20-":                       {},
		"bytes=-0":                        {},
		"bytes=30-40,50-60":               {},
		"bytes=99999999999999999999-":     {},
		"bytes=0-99999999999999999999":    {fileText},
		"bytes=5-4":                       nil,
		"bytes=":                          nil,
		"bytes=a-b":                       nil,
		"bytes=+1-2":                      nil,
		"bytes=1":                         nil,
		"items=0-1":                       nil,
		"0-1":                             nil,
		"bytes=0-,0-":                     nil, // longer than the file
		"bytes=" + repeat("0-0", 17):      nil, // too many
		"bytes=" + repeat("0-0", 1000_00): nil,
	} {
		if len(header) > 10_000 {
			header = header[:10_000]
		}
		got := p.exchange(getWith(fileTarget, "Range: "+header))
		switch {
		case want == nil:
			if statusOf(got) != "200" || bodyOf(got) != fileText {
				t.Errorf("%.40s: %s, want all of it", header, got)
			}
		case len(want) == 0:
			if statusOf(got) != "416" || joinedField(got, "Content-Range") != "bytes */20" {
				t.Errorf("%s: %s, want 416", header, got)
			}
		case statusOf(got) != "206":
			t.Errorf("%s: %s, want 206", header, got)
		default:
			if diff := cmp.Diff(want, partsOf(t, got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", header, diff)
			}
		}
	}
	if got := p.exchange(getWith("/media/thumbnails/capture_1/empty.jpg", "Range: bytes=0-")); statusOf(got) != "416" {
		t.Errorf("a range of an empty file: %s", got)
	}
	if got := p.exchange(getWith(fileTarget, "Range: bytes=5-9")); joinedField(got, "Content-Range") != "bytes 5-9/20" || joinedField(got, "Content-Length") != "5" {
		t.Errorf("got %s", got)
	}
}

func repeat(spec string, n int) string { return strings.TrimSuffix(strings.Repeat(spec+",", n), ",") }

// partsOf returns the bodies of an answer's parts.
func partsOf(t *testing.T, raw string) (parts []string) {
	t.Helper()
	media, parameters, err := mime.ParseMediaType(joinedField(raw, "Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if media != "multipart/byteranges" {
		return []string{bodyOf(raw)}
	}
	reader := multipart.NewReader(strings.NewReader(bodyOf(raw)), parameters["boundary"])
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		first := strings.Index(fileText, string(text))
		if want := fmt.Sprintf("bytes %d-%d/20", first, first+len(text)-1); part.Header.Get("Content-Range") != want || part.Header.Get("Content-Type") != "image/jpeg" {
			t.Errorf("part %q has headers %v", text, part.Header)
		}
		parts = append(parts, string(text))
	}
}

func FuzzRanges(f *testing.F) {
	f.Add("bytes=0-0,-1, 5-", int64(20))
	f.Add("bytes=9223372036854775807-9223372036854775807", int64(1))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		ranges, satisfiable := parseRanges(header, size)
		if !satisfiable && len(ranges) > 0 || len(ranges) > maxRanges {
			t.Fatalf("%v, %t", ranges, satisfiable)
		}
		for _, r := range ranges {
			if r.start < 0 || r.length <= 0 || r.start >= size || r.length > size-r.start {
				t.Errorf("range %+v of a file of %d bytes", r, size)
			}
		}
	})
}
