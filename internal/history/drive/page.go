package drive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/thumbedge/thumbedge/internal/history"
)

// changeable finds what thumbedge may change of an app's page: route URLs in members of
// some name, and nulls in the place of thumbnails.
var changeable = regexp.MustCompile(`"(\w+)": ?"([^"]*/api/v2/captures/thumbnails/(\d+)/\?label=(\w+))"|"id":(\d+),"thumbnails":(null)`)

// comparison goes through an app's page and the one that came in its place.
type comparison struct {
	app, page []byte
	base      string // of files
	from      int    // the app's page is compared up to there
	rest      []byte // what is left of the other
	shown     []history.Shown
	signed    []string // targets of signed URLs
}

// comparePages returns what a page shows in place of the app's route URLs and nulls, or how
// it differs from the app's in anything else. Files lie under base. Of what is signed it
// returns the targets of the URLs, too.
func comparePages(app, page []byte, base string) (shown []history.Shown, signed []string, err error) {
	c := comparison{app: app, page: page, base: base, rest: page}
	for _, at := range changeable.FindAllSubmatchIndex(app, -1) {
		switch {
		case at[12] >= 0:
			err = c.null(at)
		case bytes.Equal(app[at[2]:at[3]], app[at[8]:at[9]]):
			err = c.routeURL(at)
		} // else the same URL in another place
		if err != nil {
			return nil, nil, err
		}
	}
	if err := c.expect(app[c.from:]); err != nil {
		return nil, nil, err
	}
	if len(c.rest) > 0 {
		return nil, nil, fmt.Errorf("it goes on after the app's end: %.80q", c.rest)
	}
	return c.shown, c.signed, nil
}

// expect takes what the app wrote off the rest.
func (c *comparison) expect(part []byte) error {
	after, same := bytes.CutPrefix(c.rest, part)
	if !same {
		return fmt.Errorf("after byte %d it is %.80q, the app wrote %.80q", len(c.page)-len(c.rest), c.rest, part)
	}
	c.rest = after
	return nil
}

// routeURL takes a route URL, or what is in its place.
func (c *comparison) routeURL(at []int) error {
	if err := c.expect(c.app[c.from:at[4]]); err != nil {
		return err
	}
	c.from = at[5]
	id, _ := strconv.ParseInt(string(c.app[at[6]:at[7]]), 10, 64) // digits, as the expression has it
	s := history.Shown{Capture: id, Label: string(c.app[at[8]:at[9]])}
	if after, cold := bytes.CutPrefix(c.rest, c.app[at[4]:at[5]]); cold {
		c.rest = after
	} else {
		end := bytes.IndexByte(c.rest, '"')
		if end < 0 {
			return fmt.Errorf("it ends within a URL: %.80q", c.rest)
		}
		key, ours := strings.CutPrefix(string(c.rest[:end]), c.base)
		if !ours {
			return fmt.Errorf("it names %q for %d/%s", c.rest[:end], id, s.Label)
		}
		s.Key, c.rest = key, c.rest[end:]
	}
	c.shown = append(c.shown, s)
	return nil
}

// filled is an object that took the place of a null, and member one of its members.
var (
	filled = regexp.MustCompile(`^\{(?:"\w+":"[^"{}]*",?)+\}`)
	member = regexp.MustCompile(`"(\w+)":"([^"]*)"`)
)

// null takes the null of a capture, or the signed route URLs that are in its place.
func (c *comparison) null(at []int) error {
	if err := c.expect(c.app[c.from:at[12]]); err != nil {
		return err
	}
	c.from = at[13]
	if after, empty := bytes.CutPrefix(c.rest, []byte("null")); empty {
		c.rest = after
		return nil
	}
	id := string(c.app[at[10]:at[11]])
	object := filled.Find(c.rest)
	if !json.Valid(object) {
		return fmt.Errorf("in the place of the null of %s is %.80q", id, c.rest)
	}
	capture, _ := strconv.ParseInt(id, 10, 64) // digits, as the expression has it
	for _, found := range member.FindAllSubmatch(object, -1) {
		label, url := string(found[1]), string(found[2])
		target, ours := strings.CutPrefix(url, publicURL)
		if !ours || !strings.HasPrefix(target, "/api/v2/captures/thumbnails/"+id+"/?label="+label+"&expires=") {
			return fmt.Errorf("in the place of the null of %s is %q for %s", id, url, label)
		}
		c.shown, c.signed = append(c.shown, history.Shown{Capture: capture, Label: label, Signed: true}), append(c.signed, target)
	}
	c.rest = c.rest[len(object):]
	return nil
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
