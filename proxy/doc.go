// Package proxy is what HTTP clients talk to: it passes requests through to the
// app, rewrites pages, and answers for thumbnails.
//
// A client's connection is served by one goroutine (client.go), which reads a
// request's head, refuses it where its framing could be read in two ways
// (framing.go), and hands it to the routes (routes.go). fasthttp parses the headers;
// what is sent on are their lines as they came (forward.go, answer_header.go). The
// loops around them are the package's own, because a proxy needs what fasthttp's
// server and client do not offer: answers that begin before the upload has ended,
// 1xx responses, ends of streams that stay what they were, and retries by what the
// app can have seen.
//
// Invariants:
//   - A body that ended badly on one side never looks complete on the other.
//   - A request is sent again only when the app cannot have acted upon it, or when
//     it is safe by its method and no byte of an answer came.
//   - What a client sent in one request is never read as another.
//   - Nothing keeps a slice of a request or of an answer after it is over.
//   - An idle connection, of a client or to the app, holds no buffer.
package proxy
