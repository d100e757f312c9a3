package proxy

import (
	"bytes"
	"net/url"
	"path"
	"strings"

	"github.com/thumbedge/thumbedge/proxy/wire"
)

// Two parsers read every request: ours, and the app's. Whatever the app could read as a
// request for a thumbnail could make it render, so it is either answered here, refused,
// or at the app only as often at once as upstream.max_fallbacks allows.
//
// The readings that gunicorn, uvicorn and Django have (readings_test.go holds them):
//   - Method: Django upper-cases it, so "get" is GET. RFC 9110 has methods in one
//     spelling; the wire refuses registered ones in another.
//   - Target: gunicorn drops what follows "#" and strips white space, so ".../7/#" and
//     ".../7/<tab>" are thumbnails. Neither may stand there (RFC 9112 section 3.2); the
//     wire refuses both. uvicorn takes "#" for part of the path.
//   - Absolute form: gunicorn takes the path of any scheme. The wire takes http and
//     https, and sends the origin form on.
//   - Path: percent escapes are decoded once, slashes too, as Request.Path does. Doubled
//     slashes, dot segments, "\", ";" and what is escaped twice stay as they are: such a
//     path is no thumbnail to these three. A server between here and the app may change
//     that, nginx for one, so it counts as one below.
//   - Upgrade: gunicorn ignores it and answers the GET. uvicorn refuses it.
//   - SCRIPT_NAME as a header moves gunicorn's paths; the wire drops names with
//     underscores.

// couldBeThumbnail says whether the app might take the request for one for a thumbnail.
// OPTIONS renders nothing.
func (rt *router) couldBeThumbnail(r *wire.Request) bool {
	p := r.Path()
	return !r.Header().IsOptions() && rt.underRoute(p) && !bytes.Equal(p, rt.route)
}

// underRoute says whether some app might take a path for one under the route.
func (rt *router) underRoute(p []byte) bool {
	return bytes.HasPrefix(p, rt.route) || isOdd(p) && strings.HasPrefix(loosest(string(p)), string(rt.route))
}

// isOdd says whether a path holds anything that some server reads in another way. Almost
// none does.
func isOdd(p []byte) bool {
	last := byte(0)
	for _, c := range p {
		switch {
		case c == '%', c == '\\', c == ';', last == '/' && (c == '/' || c == '.'):
			return true
		}
		last = c
	}
	return false
}

// loosest reads a path in every way at once.
func loosest(p string) string {
	for range 3 {
		decoded, err := url.PathUnescape(p)
		if err != nil {
			break
		}
		p = decoded
	}
	segments := strings.Split(strings.ReplaceAll(p, `\`, "/"), "/")
	for i := range segments {
		segments[i], _, _ = strings.Cut(segments[i], ";")
	}
	return path.Clean("/" + strings.Join(segments, "/"))
}
