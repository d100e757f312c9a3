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
