package proxy

import "github.com/thumbedge/thumbedge/proxy/responses"

// DropPages drops every page that is kept: who may see what has changed, or may have.
func (s *Server) DropPages() {
	if c := s.lasting.cache; c != nil {
		c.DropPages()
	}
}

// Responses is the response cache; nil where it is off.
func (s *Server) Responses() *responses.Cache { return s.lasting.cache }
