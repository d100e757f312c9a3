package main

import (
	"flag"
	"fmt"
	"regexp"
	"strings"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/cli"
)

// commandsPage is thumbedge(1).
func commandsPage(h heading, entries []cli.Entry) string {
	p := newPage(h, "thumbedge", 1, "User Commands")
	p.section("NAME")
	p.WriteString("thumbedge \\- edge caching reverse proxy that keeps thumbnails away from an app\n")
	p.section("SYNOPSIS")
	for i, e := range entries {
		if i > 0 {
			p.WriteString(".br\n")
		}
		fmt.Fprintf(p, "%s %s\n", bold("thumbedge "+e.Name), escaped(e.Synopsis))
	}
	p.section("DESCRIPTION")
	p.prose("thumbedge stands in front of a capture API. It puts the storage URLs of finished thumbnails into the app's pages, " +
		"renders the thumbnails that are not there yet, and passes everything else through.")
	p.section("COMMANDS")
	for _, e := range entries {
		p.subsection("thumbedge " + e.Name + " " + e.Synopsis)
		p.prose(strings.ToUpper(e.Summary[:1]) + e.Summary[1:] + ".")
		p.prose(e.Text)
		for _, f := range e.Flags {
			value, text := flag.UnquoteUsage(f)
			term := bold("--" + f.Name)
			if value != "" {
				term += " " + italic(value)
			}
			p.item(term, text)
		}
	}
	p.section("EXIT STATUS")
	p.item("0", "Done.")
	p.item("1", "Failed; the last lines say why.")
	p.item("2", "Called wrongly.")
	p.section("ENVIRONMENT")
	p.item(bold("THUMBEDGE_CONFIG"), "The configuration file, where --config is not given.")
	p.item(bold("CACHE_DIRECTORY"), "Where bodies for slow clients lie, unless upstream.spool_dir says so; systemd sets it.")
	p.item(bold("GOMEMLIMIT")+", "+bold("GOGC"), "Go's own: how much memory to stay below, and how often to collect garbage.")
	p.item(italic("NAME"), "Each ${NAME} in a string of the configuration is taken from the environment.")
	p.section("FILES")
	p.item(italic("/etc/thumbedge/thumbedge.toml"), "The configuration, by the service's unit.")
	p.item(italic("/etc/thumbedge/secrets.env"), "What it refers to as ${NAME}, a NAME=value a line.")
	p.section("SEE ALSO")
	p.WriteString(bold("thumbedge.toml") + "(5)\n")
	return p.String()
}

// keysPage is thumbedge.toml(5): deploy/CONFIGURATION.md, which is written from the code.
func keysPage(h heading, markdown string) string {
	p := newPage(h, "thumbedge.toml", 5, "File Formats")
	p.section("NAME")
	p.WriteString("thumbedge.toml \\- configuration of thumbedge(1)\n")
	p.section("DESCRIPTION")
	p.prose("Each key, its default, its type, and when to change it. An unknown key, a wrong type or an impossible value is an error. " +
		"${NAME} in a string is taken from the environment.")
	_, markdown, _ = strings.Cut(markdown, "\n\n## ")
	markdown = "## " + markdown
	var columns []string // of the table that is being read
	for line := range strings.Lines(markdown) {
		line = strings.TrimSpace(line)
		cells, inTable := row(line)
		switch {
		case strings.HasPrefix(line, "## "):
			p.subsection(strings.TrimPrefix(line, "## "))
		case !inTable:
			columns = nil
			if line != "" && !strings.HasPrefix(line, "#") {
				p.WriteString(lines(plain(line)) + "\n")
			}
		case columns == nil:
			columns = cells
		case !strings.HasPrefix(cells[0], "---"):
			p.key(columns, cells)
		}
	}
	p.section("SEE ALSO")
	p.WriteString(bold("thumbedge") + "(1)\n")
	return p.String()
}

// key is one line of a table: a key, facts on it, and what is said of it, last.
func (p *page) key(columns, cells []string) {
	last := len(cells) - 1
	value := ""
	var facts []string
	for i, cell := range cells[1:last] {
		switch name := columns[1+i]; name {
		case "default":
			value = " = " + plain(cell)
		case "type":
			facts = append(facts, plain(cell))
		default:
			facts = append(facts, name+" "+plain(cell))
		}
	}
	p.item(bold(plain(cells[0]))+escaped(value+" ("+strings.Join(facts, ", ")+")"), plain(cells[last]))
}

// row returns the cells of a line of a table.
func row(line string) (cells []string, ok bool) {
	inner, ok := strings.CutPrefix(line, "|")
	if !ok {
		return nil, false
	}
	inner = strings.ReplaceAll(strings.TrimSuffix(inner, "|"), `\|`, "\x00")
	for cell := range strings.SplitSeq(inner, "|") {
		cells = append(cells, strings.ReplaceAll(strings.TrimSpace(cell), "\x00", "|"))
	}
	return cells, true
}

var link = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)

// plain takes Markdown's marks away.
func plain(text string) string {
	return strings.ReplaceAll(link.ReplaceAllString(text, "$1"), "`", "")
}

// completion has bash complete commands, their verbs and flags, and files.
func completion(entries []cli.Entry) string {
	var b strings.Builder
	b.WriteString("# bash completes thumbedge's commands and flags.\n_thumbedge() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} words\n\tcase ${COMP_WORDS[1]} in\n")
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
		words := e.Verbs
		for _, f := range e.Flags {
			words = append(words, "--"+f.Name)
		}
		fmt.Fprintf(&b, "\t%s) words='%s' ;;\n", e.Name, strings.Join(words, " "))
	}
	b.WriteString("\tesac\n\t((COMP_CWORD > 1)) || words='" + strings.Join(names, " ") + "'\n" +
		"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\ncomplete -o default -F _thumbedge thumbedge\n")
	return b.String()
}
