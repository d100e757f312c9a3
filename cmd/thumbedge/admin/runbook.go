package admin

import (
	"net/http"
	"strings"
)

// Sections of the runbook that sentences lead to.
const (
	sectionAway       = "Something is away"
	sectionApp        = "The app is down"
	sectionBroken     = "An image is broken"
	sectionDatabase   = "The database fails over"
	sectionStorage    = "Storage is away"
	sectionReconcile  = "Reconcile refuses"
	sectionDrafts     = "Drafts and private storage"
	sectionSize       = "Size it"
	sectionShare      = "Share pages among visitors"
	sectionInstall    = "Put it in front of antenna"
	sectionListener   = "ThumbedgeNotificationsLost"
	sectionUnresolved = "ThumbedgePagesUnresolved"
	sectionRefused    = "ThumbedgeConnectionsRefused"
	sectionPool       = "ThumbedgeDatabasePoolFull"
	sectionQueue      = "ThumbedgeColdPathFull"
	sectionPanics     = "ThumbedgePanics"
)

// section is one of the runbook's, with the text below its heading as it is written.
type section struct {
	Level      int
	Name, Text string
}

// sections cuts a text in Markdown at its headings. What looks like one inside a block of
// commands is a comment of the shell's.
func sections(markdown string) (all []section) {
	commands := false
	for line := range strings.Lines(markdown) {
		commands = commands != strings.HasPrefix(strings.TrimSpace(line), "```")
		hashes := len(line) - len(strings.TrimLeft(line, "#"))
		if hashes > 0 && !commands {
			all = append(all, section{Level: hashes, Name: strings.TrimSpace(line[hashes:])})
			continue
		}
		if len(all) > 0 {
			all[len(all)-1].Text += line
		}
	}
	for i := range all {
		all[i].Text = strings.Trim(all[i].Text, "\n")
	}
	return all
}

// slug is the name of a section in a link, as GitHub makes it.
func slug(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_", c):
			return c
		}
		return -1
	}, strings.ToLower(name))
}

// runbook shows the runbook of this very build.
func (s *Server) runbook(w http.ResponseWriter, _ *http.Request) {
	s.write(w, http.StatusOK, "runbook.html", sections(s.deps.Runbook))
}
