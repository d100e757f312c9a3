package proxy

import (
	"time"

	"github.com/valyala/fasthttp"
)

// appResponse is the app's answer, its head read and its body not yet. It must be
// ended by exactly one of pass, discard or Close.
type appResponse struct {
	// Header as the app sent it, hop-by-hop headers removed. It may be edited
	// before pass.
	Header fasthttp.ResponseHeader
}

// roundTrip sends ctx's request to the app and reads the head of its answer.
// prepare, which may be nil, edits the header that is sent: hop-by-hop headers are
// gone and forwarding headers set by then. It may be called once only. ctx.Request
// itself stays as the client sent it. An error is for failed.
func (s *Server) roundTrip(ctx *fasthttp.RequestCtx, prepare func(h *fasthttp.RequestHeader)) (*appResponse, error) {
	panic("not yet")
}

// Read reads the body's bytes, its framing removed. A body that ended before its
// time is io.ErrUnexpectedEOF.
func (r *appResponse) Read(p []byte) (int, error) { panic("not yet") }

// ContentLength is the body's length in bytes, -1 for a chunked body and -2 for
// one that ends with the connection. A response without a body (HEAD, 204, 304)
// has 0, whatever its header says.
func (r *appResponse) ContentLength() int { panic("not yet") }

// SetReadTimeout bounds each following Read: one in which nothing arrives for d
// fails with an error that wraps os.ErrDeadlineExceeded, and may be tried again.
// Zero takes the limit away.
func (r *appResponse) SetReadTimeout(d time.Duration) { panic("not yet") }

// unread makes following Reads, and pass, begin with p, which must stay as it is
// until the answer is over.
func (r *appResponse) unread(p []byte) { panic("not yet") }

// pass streams the header and what is left of the body to the client, trailers
// too, and ends the answer.
func (r *appResponse) pass(ctx *fasthttp.RequestCtx) { panic("not yet") }

// discard ends an answer whose body was read, or is not wanted. The connection is
// used again only where the body was read whole.
func (r *appResponse) discard() { panic("not yet") }

// Close is discard, for an answer that is used as an io.ReadCloser.
func (r *appResponse) Close() error { r.discard(); return nil }
