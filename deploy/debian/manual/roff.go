package main

import (
	"fmt"
	"strings"
)

// heading is what the pages have in their margins.
type heading struct{ version, date string }

// page is a manual page in the language of man(7), as it is written.
type page struct {
	strings.Builder
	fresh bool // right behind a heading, where a paragraph needs no request
}

func newPage(h heading, name string, section int, group string) *page {
	p := new(page)
	fmt.Fprintf(p, ".TH %s %d %s %s %s\n.nh\n.ad l\n", strings.ToUpper(name), section, quoted(h.date), quoted("thumbedge "+h.version), quoted(group))
	return p
}

func (p *page) section(name string)    { p.heading(".SH", name) }
func (p *page) subsection(name string) { p.heading(".SS", name) }

func (p *page) heading(request, name string) {
	fmt.Fprintf(p, "%s %s\n", request, quoted(escaped(name)))
	p.fresh = true
}

// item is a term, which may have fonts in it already, and what is said of it.
func (p *page) item(term, text string) {
	p.fresh = false
	fmt.Fprintf(p, ".TP\n%s\n%s\n", term, lines(text))
}

// prose writes paragraphs. One with lines that are indented, or set in columns, stays as it is.
func (p *page) prose(text string) {
	for paragraph := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		if !p.fresh {
			p.WriteString(".PP\n")
		}
		p.fresh = false
		if strings.Contains("\n"+paragraph, "\n ") {
			fmt.Fprintf(p, ".nf\n%s\n.fi\n", lines(paragraph))
		} else {
			fmt.Fprintf(p, "%s\n", lines(paragraph))
		}
	}
}

// lines escapes text, of whose lines none may look like a request to roff.
func lines(text string) string {
	var all []string
	for line := range strings.SplitSeq(escaped(text), "\n") {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		all = append(all, line)
	}
	return strings.Join(all, "\n")
}

// escaped has roff print what the text says: a hyphen that can be copied into a shell, too.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "’", "'", "…", "...", "×", `\(mu`).Replace(text)
}

func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\(dq`) + `"` }

func bold(text string) string   { return `\fB` + escaped(text) + `\fR` }
func italic(text string) string { return `\fI` + escaped(text) + `\fR` }
