package imaging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// roomFor waits until there is room for so many bytes of an original.
type roomFor func(ctx context.Context, bytes int64) error

// fetcher reads originals over HTTP. It believes nothing that a server says: not
// the length, not where it redirects to, not that more will come.
type fetcher struct {
	cfg      SourceConfig
	upstream *url.URL
	public   *url.URL // nil: unknown
	// limit is what one fetch may take in all, its wait for room included.
	limit time.Duration
	// Two pools of connections: one made to the app, which may be at a private
	// address, must never be used for a URL that some capture names.
	guarded, app *http.Transport
}

var (
	errStalled  = fmt.Errorf("%w: no byte came for source.read_timeout", thumb.ErrOriginalUnavailable)
	errTooSlow  = fmt.Errorf("%w: fetching took too long", thumb.ErrOriginalUnavailable)
	errTooLarge = fmt.Errorf("%w: larger than source.max_bytes", thumb.ErrOriginalUnusable)
)

func newFetcher(cfg Config, at locations) *fetcher {
	g := newGuard(cfg.Source)
	transport := func(dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
		return &http.Transport{
			DialContext:            dial,
			TLSHandshakeTimeout:    cfg.Source.ConnectTimeout,
			ResponseHeaderTimeout:  cfg.Source.ReadTimeout,
			IdleConnTimeout:        15 * time.Second,
			MaxIdleConns:           2 * cfg.Render.turns(),
			MaxIdleConnsPerHost:    cfg.Render.turns(),
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // the original's bytes are counted as they are
		}
	}
	plain := net.Dialer{Timeout: cfg.Source.ConnectTimeout}
	return &fetcher{
		cfg: cfg.Source, upstream: at.upstream, public: at.public,
		limit:   cfg.Source.ConnectTimeout + 2*cfg.Source.ReadTimeout + cfg.Render.MaxWait,
		guarded: transport(g.dial(cfg.Source.ConnectTimeout)), app: transport(plain.DialContext),
	}
}

func (f *fetcher) close() {
	f.guarded.CloseIdleConnections()
	f.app.CloseIdleConnections()
}

// fetch reads the original at a location, following redirects, each of which is
// judged as if it were the first.
func (f *fetcher) fetch(ctx context.Context, at location, room roomFor) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.limit, errTooSlow)
	defer cancel()
	for hop := 0; ; hop++ {
		response, err := f.get(ctx, at, hop == 0)
		if err != nil {
			return nil, unavailable(ctx, fmt.Errorf("asking %s: %w", at.url.Host, err))
		}
		switch response.StatusCode {
		case http.StatusOK:
			defer response.Body.Close()
			if encoding := response.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
				return nil, fmt.Errorf("%w: it comes encoded", thumb.ErrOriginalUnusable)
			}
			return f.readAll(ctx, response.Body, response.ContentLength, room)
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			_ = response.Body.Close()
			return nil, fmt.Errorf("%w: %s answered %d", thumb.ErrOriginalUnavailable, at.url.Host, response.StatusCode)
		}
		_ = response.Body.Close()
		if hop == f.cfg.MaxRedirects {
			return nil, fmt.Errorf("%w: more than %d redirects", thumb.ErrOriginalUnavailable, f.cfg.MaxRedirects)
		}
		next, err := at.url.Parse(response.Header.Get("Location"))
		if err != nil || !isHTTP(next) || next.Hostname() == "" || next.User != nil {
			return nil, fmt.Errorf("%w: %s redirects to no http or https URL", thumb.ErrOriginalUnavailable, at.url.Host)
		}
		own := at.own && next.Scheme == f.upstream.Scheme && authority(next) == authority(f.upstream)
		at = location{url: next, own: own}
	}
}

// get sends one request and returns the head of its answer. It carries nothing
// that could be of use to anybody but the server named: no cookies, no referrer,
// and a password only where the capture's own URL has one.
func (f *fetcher) get(ctx context.Context, at location, first bool) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url.String(), nil)
	if err != nil {
		return nil, errors.New("the URL is not one")
	}
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "thumbedge")
	if user := request.URL.User; user != nil && first {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	if !at.own {
		return f.guarded.RoundTrip(request)
	}
	if f.public != nil { // the app answers for the names that it knows
		request.Host = f.public.Host
		request.Header.Set("X-Forwarded-Proto", f.public.Scheme)
	}
	return f.app.RoundTrip(request)
}

// readAll reads an original of the declared size (negative: not declared). Room is
// made for as much as it may come to, before the first byte is read.
func (f *fetcher) readAll(ctx context.Context, body io.ReadCloser, size int64, room roomFor) ([]byte, error) {
	if size > f.cfg.MaxBytes {
		return nil, errTooLarge
	}
	most := size
	if size < 0 {
		most = f.cfg.MaxBytes
	}
	if err := room(ctx, most); err != nil {
		return nil, err
	}
	// Closing the body is what ends a read that waits.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(f.cfg.ReadTimeout, func() { cancel(errStalled) })
	defer stalled.Stop()
	defer context.AfterFunc(ctx, func() { _ = body.Close() })()

	buf := make([]byte, 0, min(most, max(size, 512<<10))+1)
	for {
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if n > 0 {
			stalled.Reset(f.cfg.ReadTimeout)
		}
		switch {
		case int64(len(buf)) > most && size < 0:
			return nil, errTooLarge
		case int64(len(buf)) > most:
			return nil, fmt.Errorf("%w: more than the declared %d bytes came", thumb.ErrOriginalUnavailable, size)
		case errors.Is(err, io.EOF) && int64(len(buf)) < size:
			return nil, fmt.Errorf("%w: %d of %d bytes came", thumb.ErrOriginalUnavailable, len(buf), size)
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, unavailable(ctx, fmt.Errorf("reading its bytes: %w", err))
		case len(buf) == cap(buf):
			buf = append(make([]byte, 0, min(2*int64(cap(buf)), most+1)), buf...)
		}
	}
}

// unavailable wraps an error of the network, or of the context that ended it.
func unavailable(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, thumb.ErrOriginalUnavailable) || errors.Is(cause, thumb.ErrBusy) {
		return cause
	}
	return fmt.Errorf("%w: %w", thumb.ErrOriginalUnavailable, err)
}
