package admin

import "net/http"

// Handler answers as the listener does, for tests that say where a request came in.
func (s *Server) Handler() http.Handler { return s.http.Handler }
