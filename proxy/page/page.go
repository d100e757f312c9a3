// Package page finds the route URLs in one JSON body and writes the body with
// others in their place. It does no I/O and knows nothing of HTTP.
//
// What it looks for is a string that stands directly inside an object that is the
// value of a member with the configured name, at any depth of the body, and that
// is the URL of the thumbnail route: for a capture's id, for a configured label,
// at an accepted authority. It goes by JSON structure, never by text: the same
// URL in a comment, as a key, in an array or in a string that happens to hold
// JSON stays. Escapes count: "thumbn\u0061ils" is the name, "http:\/\/host\/" the
// URL. Every byte outside the strings replaced stays as it was.
//
// In valid JSON an unescaped quote never stands inside a string. So the name in quotes
// with a colon and an object behind it is a member wherever that stands outside strings,
// and only such an object is read as JSON is. The rest of a body must prove no more than
// this, or nothing of it is rewritten:
//
//   - it begins with a bracket and ends with one of the same kind, with nothing but white
//     space around them;
//   - every string is closed, and outside strings stand only bytes that JSON has there (no
//     comments, no single quotes, no NaN, no markup);
//   - every object that is looked into is made of members as JSON has them.
//
// So what only looks like a member, in a string or a comment, is never rewritten. What else
// is wrong with a body (the number and the order of its brackets, commas, colons and scalars,
// the spelling of numbers, literals and escapes, a line break in a string, another text
// behind the first, the end missing from some closing bracket on) does not keep it from being
// rewritten, and stays as wrong as it was.
//
// Where a place is named, it also finds the captures at that place whose field is null
// (nulls.go). Only a page that has such a member is read for that a second time.
//
// Time is linear in the body, whatever it holds; nothing is allocated once a
// Found has grown to the size of the pages that it is used for.
package page

import (
	"errors"
	"fmt"
	"strings"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Config says what a route URL looks like.
type Config struct {
	Field string // name of the members whose objects hold route URLs
	Route string // path of the thumbnail route, with a slash at both ends
	Specs thumb.Specs
	Hosts []string // authorities that are always accepted: host or host:port
}

// Scanner finds route URLs. It may be used by many goroutines at once.
type Scanner struct {
	name  string // of field members
	route string
	specs thumb.Specs
	hosts []authority
	// tails are what follows the id for each label, as the app writes it, up to the quote.
	tails []string
	// members are what stands before each label's URL, as the app writes it.
	members []string
}

// NewScanner returns a Scanner for cfg.
func NewScanner(cfg Config) (*Scanner, error) {
	var errs []error
	if cfg.Field == "" {
		errs = append(errs, errors.New("rewrite.field: must not be empty"))
	}
	if len(cfg.Route) < 2 || cfg.Route[0] != '/' || cfg.Route[1] == '/' || cfg.Route[len(cfg.Route)-1] != '/' || strings.ContainsAny(cfg.Route, "?#\\\"") {
		errs = append(errs, fmt.Errorf("rewrite.route: %q must be a path that begins and ends with a slash", cfg.Route))
	}
	if err := cfg.Specs.Validate(); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	s := &Scanner{name: cfg.Field, route: cfg.Route, specs: cfg.Specs}
	for _, host := range cfg.Hosts {
		s.hosts = append(s.hosts, splitAuthority([]byte(strings.Clone(host))))
	}
	for _, spec := range cfg.Specs {
		s.tails = append(s.tails, "/?label="+spec.Label+`"`)
		s.members = append(s.members, `"`+spec.Label+`":"`)
	}
	return s, nil
}
