package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var (
	errStalled  = fmt.Errorf("%w: no byte came for source.read_timeout", thumb.ErrOriginalUnavailable)
	errTooSlow  = fmt.Errorf("%w: fetching took too long", thumb.ErrOriginalUnavailable)
	errTooLarge = fmt.Errorf("%w: %w: larger than source.max_bytes", thumb.ErrOriginalUnusable, thumb.ErrTooBig)
)

// transport makes a pool of connections that dial opens.
func (f *Fetcher) transport(dial func(context.Context, string, string) (net.Conn, error), conns int) *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		TLSHandshakeTimeout:    f.cfg.ConnectTimeout,
		ResponseHeaderTimeout:  f.cfg.ReadTimeout,
		IdleConnTimeout:        15 * time.Second,
		MaxIdleConns:           2 * conns,
		MaxIdleConnsPerHost:    conns,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // the original's bytes are counted as they are
	}
}

// fetch reads the original at a location, following redirects. Each of them has to
// be allowed as if it were the first.
func (f *Fetcher) fetch(ctx context.Context, at Location, room Room) ([]byte, error) {
	for hop := 0; ; hop++ {
		original, next, err := f.ask(ctx, at, hop == 0, room)
		if err != nil || next == nil {
			return original, err
		}
		if hop == f.cfg.MaxRedirects {
			return nil, fmt.Errorf("%w: more than %d redirects", thumb.ErrOriginalUnavailable, f.cfg.MaxRedirects)
		}
		own := at.own && next.Scheme == f.site.upstream.Scheme && authority(next) == authority(f.site.upstream)
		at = Location{url: next, own: own}
	}
}

// ask asks one host, which answers with the original or with where to go next.
func (f *Fetcher) ask(ctx context.Context, at Location, first bool, room Room) (original []byte, next *url.URL, err error) {
	done, err := f.hosts.admit(authority(at.url))
	if err != nil {
		return nil, nil, err
	}
	defer func() { done(err) }()
	response, err := f.get(ctx, at, first)
	if err != nil {
		return nil, nil, unanswered(ctx, fmt.Errorf("asking %s: %w", at.url.Host, err))
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		next, err := at.url.Parse(response.Header.Get("Location"))
		if err != nil || !isHTTP(next) || next.Hostname() == "" || next.User != nil {
			return nil, nil, fmt.Errorf("%w: %s redirects to no http or https URL", thumb.ErrOriginalUnavailable, at.url.Host)
		}
		return nil, next, nil
	}
	if response.StatusCode/100 != 2 {
		return nil, nil, fmt.Errorf("%w: %s answered %d", thumb.ErrOriginalUnavailable, at.url.Host, response.StatusCode)
	}
	if response.StatusCode == http.StatusPartialContent && !complete(response.Header.Get("Content-Range")) {
		return nil, nil, fmt.Errorf("%w: %s sent a part of it", thumb.ErrOriginalUnavailable, at.url.Host)
	}
	original, err = f.readBody(ctx, response, room)
	return original, nil, err
}

// complete says whether the range that a 206 names is all there is. Nobody asked for a
// range; where none is named, the bytes are as good as those of a 200.
func complete(contentRange string) bool {
	var first, last, length int64
	n, _ := fmt.Sscanf(strings.ToLower(contentRange), "bytes %d-%d/%d", &first, &last, &length)
	switch n {
	case 3:
		return first == 0 && last == length-1
	case 2:
		return first == 0 && strings.HasSuffix(contentRange, "/*") // nobody knows
	}
	return contentRange == ""
}

// readBody reads the body of a response, with its codings undone.
func (f *Fetcher) readBody(ctx context.Context, response *http.Response, room Room) ([]byte, error) {
	size := response.ContentLength
	if size > f.cfg.MaxBytes {
		return nil, errTooLarge
	}
	body, coded := decoded(response.Header, &limited{Reader: response.Body, left: f.cfg.MaxBytes})
	if coded {
		size = -1 // what it comes to is not known
	}
	return f.readAll(ctx, response.Body, body, size, room)
}

// limited is a body of which no more than source.max_bytes are read, however little
// they come to.
type limited struct {
	io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, errTooLarge
	}
	return n, err
}

// get sends one request and returns the head of its answer. It carries nothing
// that could be of use to anybody but the server named: no cookies, no referrer,
// and a password only where the capture's own URL has one.
func (f *Fetcher) get(ctx context.Context, at Location, first bool) (*http.Response, error) {
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
	if f.site.public != nil { // the app answers for the names that it knows
		request.Host = f.site.public.Host
		request.Header.Set("X-Forwarded-Proto", f.site.public.Scheme)
	}
	return f.app.RoundTrip(request)
}

// readAll reads an original of the declared size (negative: not declared) from a body,
// which is closed where the read has to end. Room is made for as much as it may come to,
// before the first byte is read.
func (f *Fetcher) readAll(ctx context.Context, closer io.Closer, body io.Reader, size int64, room Room) ([]byte, error) {
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
	defer context.AfterFunc(ctx, func() { _ = closer.Close() })()

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
		case errors.Is(err, thumb.ErrOriginalUnusable):
			return nil, err
		case err != nil:
			return nil, unanswered(ctx, fmt.Errorf("reading its bytes: %w", err))
		case len(buf) == cap(buf):
			buf = append(make([]byte, 0, min(2*int64(cap(buf)), most+1)), buf...)
		}
	}
}

// unanswered wraps an error of the network, or the cause that ended the context.
func unanswered(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, thumb.ErrBusy):
		return cause // the proxy gave up, whatever the host does
	case errors.Is(cause, thumb.ErrOriginalUnavailable):
		return silent{cause}
	case errors.Is(err, thumb.ErrForbidden):
		return fmt.Errorf("%w: %w", thumb.ErrOriginalUnavailable, err)
	}
	return silent{fmt.Errorf("%w: %w", thumb.ErrOriginalUnavailable, err)}
}
