package drive

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/thumbedge/thumbedge/internal/history"
)

// routeURL finds the members of an app's page that thumbedge may change.
var routeURL = regexp.MustCompile(`"(\w+)": ?"([^"]*/api/v2/captures/thumbnails/(\d+)/\?label=(\w+))"`)

// comparePages returns what a page shows in place of the app's route URLs, or how it
// differs from the app's in anything else. Files lie under base.
func comparePages(app, page []byte, base string) (shown []history.Shown, err error) {
	rest, from := page, 0
	expect := func(part []byte) error {
		after, same := bytes.CutPrefix(rest, part)
		if !same {
			return fmt.Errorf("after byte %d it is %.80q, the app wrote %.80q", len(page)-len(rest), rest, part)
		}
		rest = after
		return nil
	}
	for _, at := range routeURL.FindAllSubmatchIndex(app, -1) {
		if !bytes.Equal(app[at[2]:at[3]], app[at[8]:at[9]]) {
			continue // the same URL in another place
		}
		if err := expect(app[from:at[4]]); err != nil {
			return nil, err
		}
		from = at[5]
		id, _ := strconv.ParseInt(string(app[at[6]:at[7]]), 10, 64) // digits, as the expression has it
		s := history.Shown{Capture: id, Label: string(app[at[8]:at[9]])}
		if after, cold := bytes.CutPrefix(rest, app[at[4]:at[5]]); cold {
			rest = after
		} else {
			end := bytes.IndexByte(rest, '"')
			if end < 0 {
				return nil, fmt.Errorf("it ends within a URL: %.80q", rest)
			}
			key, ours := strings.CutPrefix(string(rest[:end]), base)
			if !ours {
				return nil, fmt.Errorf("it names %q for %d/%s", rest[:end], id, s.Label)
			}
			s.Key, rest = key, rest[end:]
		}
		shown = append(shown, s)
	}
	if err := expect(app[from:]); err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("it goes on after the app's end: %.80q", rest)
	}
	return shown, nil
}

// keyOf takes a key apart.
var keyOf = regexp.MustCompile(`^thumbnails/capture_(\d+)/(\w+)_[0-9a-f]{16}\.jpg$`)

// parseKey returns the capture and the label that a key is of.
func parseKey(key string) (capture int64, label string, err error) {
	found := keyOf.FindStringSubmatch(key)
	if found == nil {
		return 0, "", fmt.Errorf("%q is no key of ours", key)
	}
	capture, err = strconv.ParseInt(found[1], 10, 64)
	return capture, found[2], err
}
