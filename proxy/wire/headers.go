package wire

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// HeadersConfig is [headers]: what answers carry besides, and what of the app's they do not.
type HeadersConfig struct {
	Add    map[string]string `toml:"add"`    // in place of the app's own of that name
	Remove []string          `toml:"remove"` // of the app's answers
}

// keptHeaders are those whose values are worked out, or depend on the answer: framing,
// validators, lifetimes, what a body is, who may keep or read it.
var keptHeaders = func() *field.Set {
	names := slices.Clone(field.HopByHop[:])
	return field.NewSet(append(names, "content-length", "trailer", "date", "age", "etag", "last-modified", "accept-ranges",
		"cache-control", "expires", "pragma", "surrogate-control", "x-accel-expires", "cache-status", "vary", "set-cookie", "location",
		"content-type", "content-encoding", "content-range", "content-location", "content-md5", "digest", "content-digest", "repr-digest",
		"x-content-type-options", "x-request-id", "retry-after", "www-authenticate", "host")...)
}()

// mayChange says whether an answer's header may be added or removed by the configuration.
func mayChange(name string) error {
	lower := strings.ToLower(name)
	switch {
	case !field.IsToken([]byte(name)):
		return fmt.Errorf("%q is no header's name", name)
	case keptHeaders.Of([]byte(lower)), strings.HasPrefix(lower, "access-control-"), strings.HasSuffix(lower, "-cache-control"):
		return fmt.Errorf("%s is not to be changed: what answers say there is worked out", name)
	}
	return nil
}

// Validate is Config's, of this part.
func (c HeadersConfig) Validate() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Add)) {
		if err := mayChange(name); err != nil {
			errs = append(errs, fmt.Errorf("headers.add: %w", err))
		} else if value := c.Add[name]; field.HasControl([]byte(value)) || strings.TrimSpace(value) != value || value == "" {
			errs = append(errs, fmt.Errorf("headers.add: the value of %s is empty, or holds what no header may", name))
		}
	}
	for _, name := range c.Remove {
		if err := mayChange(name); err != nil {
			errs = append(errs, fmt.Errorf("headers.remove: %w", err))
		}
	}
	return errors.Join(errs...)
}

// headers are what the configuration changes of answers.
type headers struct {
	lines   []byte   // that each answer carries
	added   []string // their names
	removed []string // from the app's answers; those of lines too
}

func newHeaders(cfg HeadersConfig) (h headers) {
	var lines bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(cfg.Add)) {
		fmt.Fprintf(&lines, "%s: %s\r\n", name, cfg.Add[name])
		h.added = append(h.added, textproto.CanonicalMIMEHeaderKey(name))
	}
	h.lines, h.removed = lines.Bytes(), slices.Clone(h.added)
	for _, name := range cfg.Remove {
		h.removed = append(h.removed, textproto.CanonicalMIMEHeaderKey(name))
	}
	return h
}
