// Package source brings a capture's original into memory. imaging is its only user.
//
// A capture names its own original, and whoever may edit a capture may name
// anything. So nothing that stands in a capture, and nothing that a server says, is
// believed:
//
//   - A connection is made only to an address that the guard allows, looked at after
//     the name was resolved (guard). Redirects, of which there is a limit, go the same
//     way.
//   - Only the site's own files are exempt: they are read from the proxy's storage, or
//     from the app (location), by a pool of connections of its own, so that no capture's
//     URL can ride on a connection that was opened to the app.
//   - An original is at most Config.MaxBytes long, whatever length its server declares,
//     coded and as it is (coding).
//     Room for its bytes is asked for before the first of them is read (Room).
//   - Every wait ends: for a connection, for the response's head, for each next byte,
//     and for all of it (Fetcher.Limit). A host that makes several fetches in a row wait
//     in vain is left alone for a while (hosts).
//
// Where an original lies follows from the capture's public base URL and path as the
// app joins them (join), or from its bucket.
package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Storage is what is needed of the proxy's own storage, in which some originals lie.
// A missing file is thumb.ErrFileMissing.
type Storage interface {
	Open(ctx context.Context, key string) (body io.ReadCloser, size int64, err error)
	StorageURLs() thumb.StorageURLs
}

// Buckets signs URLs of originals that lie in a deployment's own bucket.
type Buckets interface {
	// Presign returns a URL that reads key from bucket with the bucket's own keys,
	// endpoint and region, and works for ttl.
	Presign(ctx context.Context, bucket thumb.Bucket, key string, ttl time.Duration) (string, error)
}

// Room waits until there is room for so many bytes of an original.
type Room func(ctx context.Context, bytes int64) error

// Deps are the parts that a Fetcher works with.
type Deps struct {
	Storage Storage
	Buckets Buckets
	// Conns is how many fetches there may be at once: as many connections are kept.
	Conns int
	// DialApp connects to the app, whatever address it is given, and AppTLS is how it is
	// spoken to where UpstreamURL is https; nil: as the URL says.
	DialApp func(ctx context.Context, network, address string) (net.Conn, error)
	AppTLS  *tls.Config
	// RoomWait is how long a Room may take, at most.
	RoomWait time.Duration
	Log      *slog.Logger
}

// Fetcher fetches originals. Its methods may be called from many goroutines.
type Fetcher struct {
	cfg     Config
	storage Storage
	buckets Buckets
	site    site
	hosts   *hosts
	limit   atomic.Int64 // a time.Duration
	// Two pools of connections: one made to the app, which may be at a private
	// address, must never be used for a URL that some capture names.
	guarded, app *http.Transport
}

// New makes a Fetcher. The caller closes it.
func New(cfg Config, deps Deps) (*Fetcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	at, err := newSite(cfg, deps.Storage)
	if err != nil {
		return nil, err
	}
	f := &Fetcher{
		cfg: cfg, storage: deps.Storage, buckets: deps.Buckets, site: at,
		hosts: newHosts(cfg.RetryAfter, deps.Log),
	}
	f.AllowRoomWait(deps.RoomWait)
	g, plain := newGuard(cfg), net.Dialer{Timeout: cfg.ConnectTimeout}
	f.guarded = f.transport(g.dial(cfg.ConnectTimeout), deps.Conns)
	f.app = f.transport(plain.DialContext, deps.Conns)
	if deps.DialApp != nil {
		f.app.TLSClientConfig = deps.AppTLS.Clone()
		f.app.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
			defer cancel()
			return deps.DialApp(ctx, network, address)
		}
	}
	return f, nil
}

// Close drops the connections that are idle.
func (f *Fetcher) Close() {
	f.guarded.CloseIdleConnections()
	f.app.CloseIdleConnections()
}

// LeftAlone returns how many hosts are left alone now, since they do not answer.
func (f *Fetcher) LeftAlone() int { return f.hosts.leftAlone() }

// Limit is how long one Fetch may take in all, its wait for room included.
func (f *Fetcher) Limit() time.Duration { return time.Duration(f.limit.Load()) }

// AllowRoomWait sets how long a Room may take, at most, of fetches that begin from now on.
func (f *Fetcher) AllowRoomWait(d time.Duration) {
	f.limit.Store(int64(f.cfg.ConnectTimeout + 2*f.cfg.ReadTimeout + d))
}

const (
	fetchTTL   = 15 * time.Minute // of a URL that the proxy itself reads
	browserTTL = 5 * time.Minute  // of one that a browser is sent to
)

// Locate says where an original lies. Errors wrap thumb.ErrOriginalUnavailable.
func (f *Fetcher) Locate(ctx context.Context, original thumb.Original) (Location, error) {
	at, err := f.locate(ctx, original, fetchTTL)
	if err != nil {
		return Location{}, fmt.Errorf("%w: %w", thumb.ErrOriginalUnavailable, err)
	}
	return at, nil
}

// locate signs a URL that works for ttl where the original is in a bucket.
func (f *Fetcher) locate(ctx context.Context, original thumb.Original, ttl time.Duration) (Location, error) {
	if original.Bucket == nil {
		return f.site.find(original)
	}
	ctx, cancel := context.WithTimeout(ctx, f.cfg.ConnectTimeout)
	defer cancel()
	signed, err := f.buckets.Presign(ctx, *original.Bucket, original.Path, ttl)
	if err != nil {
		return Location{}, fmt.Errorf("signing for the bucket: %w", err)
	}
	u, err := url.Parse(signed)
	if err != nil || !isHTTP(u) {
		return Location{}, errors.New("the bucket's endpoint is not an http or https URL")
	}
	return Location{url: u}, nil
}

// BrowserURL returns a URL at which anyone may fetch an original for five minutes,
// or "" where there is none that a browser may be sent to: no http or https URL, a
// host that is private, loopback or a bare name (by its looks; no name is resolved),
// or one that takes a password. The app's own files are at a path of the site itself.
func (f *Fetcher) BrowserURL(ctx context.Context, original thumb.Original) string {
	at, err := f.locate(ctx, original, browserTTL)
	switch {
	case err != nil:
		return "" // nowhere that a browser can go
	case at.own && strings.HasPrefix(at.url.EscapedPath(), "//"):
		return "" // it would be another host
	case at.own:
		return at.url.RequestURI()
	case at.url.User != nil || !browsable(at.url.Hostname()):
		return ""
	}
	return at.url.String()
}

// Fetch brings the original at a location into memory. Errors wrap one of thumb's,
// or are those of room.
func (f *Fetcher) Fetch(ctx context.Context, at Location, room Room) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.Limit(), errTooSlow)
	defer cancel()
	if at.key != "" {
		bytes, err := f.readStored(ctx, at.key, room)
		if !errors.Is(err, thumb.ErrFileMissing) {
			return bytes, err
		}
	}
	return f.fetch(ctx, at, room)
}

// readStored reads an original that lies in the proxy's own storage.
func (f *Fetcher) readStored(ctx context.Context, key string, room Room) ([]byte, error) {
	body, size, err := f.storage.Open(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("%w: opening %s: %w", thumb.ErrOriginalUnavailable, key, err)
	}
	defer body.Close()
	return f.readAll(ctx, body, body, size, room)
}
