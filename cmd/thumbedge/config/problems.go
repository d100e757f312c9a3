package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration file.
type Problem struct {
	File string
	Line int    // 0: the key stands nowhere in the file
	Key  string // "" for a syntax error
	Text string
}

// Error returns the problem as one line: file:line: key: text.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.Text)
	return b.String()
}

// problems collects what is wrong, in any order.
type problems []Problem

func (p *problems) add(key, format string, args ...any) {
	*p = append(*p, Problem{Key: key, Text: fmt.Sprintf(format, args...)})
}

// validation adds what one package's Validate says, unless another's has judged the
// same key already: upstream.url, say, is of use to two. Each of the joined errors
// begins with the key that it is about, and a colon.
func (p *problems) validation(err error) {
	judged := len(*p)
	for _, e := range leaves(err) {
		key, text, ok := strings.Cut(e.Error(), ": ")
		if !ok {
			key, text = "", e.Error()
		}
		if !slices.ContainsFunc((*p)[:judged], func(other Problem) bool { return within(other.Key, key) }) {
			p.add(key, "%s", text)
		}
	}
}

// within says whether key is table, or stands in it.
func within(key, table string) bool {
	rest, ok := strings.CutPrefix(key, table)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// leaves returns the errors that err joins.
func leaves(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if err == nil {
			return nil
		}
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}

// join returns the problems as one error, in the order of their lines, each once.
func (p problems) join(file string, lines lines) error {
	for i := range p {
		p[i].File, p[i].Line = file, lines.of(p[i].Key)
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Text, b.Text))
	})
	var errs []error
	for _, problem := range slices.Compact(p) {
		errs = append(errs, problem)
	}
	return errors.Join(errs...)
}
