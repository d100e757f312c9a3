// Package wire speaks HTTP/1.1 on both sides of a proxy: with clients, and with the
// app behind it. It knows no route, page or thumbnail; package proxy, its only user,
// says by a Handler what becomes of each request. The package imports nothing of ours
// but its own parts.
//
// A client's connection is served by one goroutine (client.go, serve.go). It waits for
// a request's head (await.go), refuses it where its framing could be read in two ways
// (framing.go), and hands a Request to the Handler. The Handler either answers itself
// (own.go) or asks the app (exchange.go, over a connection of the pool), and then does
// exactly one thing with the app's Answer: pass it on as it came, replace its body, or
// close it. fasthttp parses the headers; what is sent on are their lines as they came
// (forward.go, header.go).
//
// fasthttp's own Server and HostClient are not used. Speed is not the reason: they
// cannot give what a proxy owes to both sides:
//   - a handler that runs before the body has come, so that a refusal comes first, and
//     the app is asked or not by the head alone;
//   - header lines in the app's and the client's own spelling, order and number;
//   - a reason for each refusal, as a status and in the metrics;
//   - idle connections that hold no buffer, on either side;
//   - 1xx answers that reach the client, and a wait for 100 that holds back the body;
//   - answers that begin before the upload has ended;
//   - requests sent again by what the app can have seen of them, not by their method
//     alone;
//   - a client that left, or a body that broke off, told to the other side at once.
//
// Invariants:
//   - A body that ended badly on one side never looks complete on the other.
//   - A request is sent again only when no byte of an answer came, and either the app
//     cannot have received it, or its method is safe and the connection had been used
//     before. What the app received on a fresh connection is never sent twice.
//   - What a client sent in one request is never read as another.
//   - Nothing keeps a slice of a request or of an answer after it is over.
//   - An idle connection, of a client or to the app, holds no buffer.
package wire
