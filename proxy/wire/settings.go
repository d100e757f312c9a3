package wire

import (
	"fmt"
	"net"
)

// settings are what Reload may change, all at once. A request takes them when its head is
// there, and is answered by them whatever is reloaded meanwhile. They never change.
type settings struct {
	Config
	handler Handler
	peers   peers
	headers headers
}

func newSettings(cfg Config, handler Handler) *settings {
	return &settings{cfg, handler, parsePeers(cfg.Server.TrustedProxies), newHeaders(cfg.Headers)}
}

// Prepare returns what puts another configuration and its Handler in force, for each
// request whose head comes from then on. It changes nothing itself, and refuses a
// configuration that does not pass Validate, or differs in what cannot be changed: where
// the app is, how bodies are spooled, and how many connections there are to the app.
func (s *Server) Prepare(cfg Config, handler Handler) (apply func(), err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if before := s.settings.Load(); cfg.fixed() != before.fixed() {
		return nil, fmt.Errorf("upstream or server: %w", errFixed)
	}
	next := newSettings(cfg, handler)
	return func() {
		s.pool.idleTimeout.Store(int64(cfg.Upstream.IdleTimeout))
		s.settings.Store(next)
	}, nil
}

var errFixed = fmt.Errorf("what is to be changed needs a restart")

// fixed is what of a configuration stays as it is until the process ends.
type fixed struct {
	url, caFile, serverName, spoolDir string
	proxyProtocol, spool              bool
	maxConns                          int
	memory, disk, most                int64
}

func (c Config) fixed() fixed {
	u := &c.Upstream
	return fixed{u.URL, u.CAFile, u.ServerName, u.SpoolDir, c.Server.ProxyProtocol, u.Spool, u.MaxConns, u.SpoolMemory, u.SpoolDisk, u.SpoolMax}
}

// refreshSettings takes the settings that are in force now for the next request. Whether
// the peer is trusted may be another matter by them.
func (c *client) refreshSettings() {
	if now := c.s.settings.Load(); now != c.now {
		c.now = now
		_, c.trusted = now.peers.of(c.remote)
	}
}

// meet sets the client's address.
func (c *client) meet(remote net.Addr) {
	c.remote = remote
	c.peer, c.trusted = c.now.peers.of(remote)
}
