package admin

import (
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// MaxConns is how many connections the listener holds.
const MaxConns = maxConns

// Handler answers as the listener does.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// NewWatch returns what bounds the connections of a listener.
func NewWatch() func(net.Conn, http.ConnState) {
	return newConnections(prometheus.NewRegistry()).watch
}

// RunbookSections are the sections that sentences may lead to.
func RunbookSections() (all []string) {
	all = []string{sectionAway, sectionBroken, sectionInstall, sectionReconcile}
	for _, name := range partSections {
		all = append(all, name)
	}
	for _, i := range incidents {
		all = append(all, i.runbook)
	}
	for _, l := range limitsReached {
		all = append(all, l.runbook)
	}
	return all
}

// Slug is the name of a section in a link.
func Slug(name string) string { return slug(name) }
