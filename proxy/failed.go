package proxy

import "github.com/valyala/fasthttp"

// failed answers for an error of roundTrip: the one table from errors to status,
// metric and log line.
func (s *Server) failed(ctx *fasthttp.RequestCtx, err error) { panic("not yet") }

// answerDetail sets an answer of the proxy's own, a JSON object with one member
// "detail", as the app's own errors have it.
func (s *Server) answerDetail(ctx *fasthttp.RequestCtx, status int, detail string) {
	panic("not yet")
}
