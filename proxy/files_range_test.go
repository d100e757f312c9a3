package proxy

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
)

func TestRanges(t *testing.T) {
	t.Parallel()
	p, _, _ := startFiles(t)
	const all, none = "all of it", "416"
	for header, want := range map[string]string{
		"bytes=0-0":                    "0",
		"bytes=0-":                     fileText,
		"bytes=5-9":                    "56789",
		"bytes= 5-9 ":                  "56789",
		"bytes=18-100":                 "ij",
		"bytes=-3":                     "hij",
		"bytes=-100":                   fileText,
		"Bytes=19-":                    "j",
		"bytes=20-":                    none,
		"bytes=-0":                     none,
		"bytes=99999999999999999999-":  none,
		"bytes=0-99999999999999999999": fileText,
		"bytes=5-4":                    all,
		"bytes=":                       all,
		"bytes=a-b":                    all,
		"bytes=+1-2":                   all,
		"bytes=1":                      all,
		"items=0-1":                    all,
		"0-1":                          all,
		// Several ranges are not worth an answer of several parts.
		"bytes=0-0,-1":                          all,
		"bytes=0-0,50-60":                       all,
		"bytes=" + strings.Repeat("0-0,", 2500): all,
	} {
		got := p.Exchange(getWith(fileTarget, "Range: "+header))
		switch want {
		case all:
			if statusOf(got) != "200" || wiretest.Body(got) != fileText {
				t.Errorf("%.40s: %s, want all of it", header, got)
			}
		case none:
			if statusOf(got) != "416" || joinedField(got, "Content-Range") != "bytes */20" {
				t.Errorf("%s: %s, want 416", header, got)
			}
		default:
			if statusOf(got) != "206" || wiretest.Body(got) != want || joinedField(got, "Content-Type") != "image/jpeg" {
				t.Errorf("%s: %s, want 206 and %s", header, got, want)
			}
		}
	}
	if got := p.Exchange(getWith("/media/thumbnails/capture_1/empty.jpg", "Range: bytes=0-")); statusOf(got) != "416" {
		t.Errorf("a range of an empty file: %s", got)
	}
	if got := p.Exchange(getWith(fileTarget, "Range: bytes=5-9")); joinedField(got, "Content-Range") != "bytes 5-9/20" || joinedField(got, "Content-Length") != "5" {
		t.Errorf("got %s", got)
	}
}
