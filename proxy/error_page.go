package proxy

import (
	"bytes"
	"fmt"
	"os"

	"github.com/thumbedge/thumbedge/proxy/wire"
)

// maxErrorPage bounds the file, which is kept in memory.
const maxErrorPage = 1 << 20

// errorPage is what a person sees while the app is down (server.error_page); nil: JSON, as
// programs do.
type errorPage struct {
	html []byte
	apis [][]byte // paths whose clients are programs, whatever they accept
}

func newErrorPage(cfg Config) (*errorPage, error) {
	if cfg.Server.ErrorPage == "" {
		return nil, nil
	}
	html, err := os.ReadFile(cfg.Server.ErrorPage)
	if err != nil {
		return nil, fmt.Errorf("server.error_page: %w", err)
	}
	if len(html) > maxErrorPage {
		return nil, fmt.Errorf("server.error_page: %s is larger than 1 MiB", cfg.Server.ErrorPage)
	}
	p := &errorPage{html: html}
	for _, path := range append([]string{cfg.Rewrite.Route}, cfg.Rewrite.Paths...) {
		p.apis = append(p.apis, firstSegment([]byte(path)))
	}
	return p, nil
}

// firstSegment returns "/api/" of "/api/v2/captures/".
func firstSegment(path []byte) []byte {
	if end := bytes.IndexByte(path[1:], '/'); end >= 0 {
		return path[:end+2]
	}
	return path
}

// show puts the page in the place of the JSON that an answer for the app's failure has,
// where a person asked.
func (p *errorPage) show(r *wire.Request) {
	if p == nil || !r.AppFailed() || !bytes.Contains(r.Header().Peek("Accept"), []byte("text/html")) {
		return
	}
	for _, path := range p.apis {
		if bytes.HasPrefix(r.Path(), path) {
			return
		}
	}
	r.Own().Header.SetContentType("text/html; charset=utf-8")
	r.Own().SetBodyRaw(p.html)
}
