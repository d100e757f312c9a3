package imaging

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// location is where an original lies.
type location struct {
	url *url.URL // to fetch it from
	key string   // in the proxy's own storage, to be looked at first; "": not there
	own bool     // it is the app's own file, and url is the app's: trusted
}

// locations knows the places whose files are the app's own.
type locations struct {
	upstream *url.URL // scheme and host
	public   *url.URL // nil: unknown
	// stored is the path under which storage has its files on the site itself; ""
	// where it has them elsewhere.
	stored string
}

func newLocations(cfg Config, storage Storage) locations {
	upstream, _ := url.Parse(cfg.UpstreamURL) // valid: Validate has seen both
	l := locations{upstream: &url.URL{Scheme: upstream.Scheme, Host: upstream.Host}}
	if cfg.PublicURL != "" {
		l.public, _ = url.Parse(cfg.PublicURL)
	}
	const probe = "original.jpg"
	text, _ := storage.AppendURL(nil, []byte(probe))
	if u, err := url.Parse(string(text)); err == nil && l.onSite(u) {
		l.stored, _ = strings.CutSuffix(u.Path, probe)
	}
	return l
}

// onSite says whether a URL is the site's own: relative, or under
// server.public_url.
func (l *locations) onSite(u *url.URL) bool {
	if u.Scheme == "" && u.Host == "" {
		return true
	}
	return l.public != nil && isHTTP(u) && authority(u) == authority(l.public) && under(u.Path, l.public.Path)
}

func under(path, folder string) bool {
	folder = strings.TrimSuffix(folder, "/")
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (rest == "" || rest[0] == '/')
}

// find says where an original lies that is in no bucket.
func (l *locations) find(original thumb.Original) (location, error) {
	if original.PublicBaseURL == "" || original.Path == "" {
		return location{}, errors.New("the capture has no public base URL or no path")
	}
	joined, err := join(original.PublicBaseURL, original.Path)
	if err != nil {
		return location{}, err
	}
	if !l.onSite(joined) {
		if !isHTTP(joined) || joined.Hostname() == "" {
			return location{}, errors.New("the original is not at an http or https URL")
		}
		return location{url: joined}, nil
	}
	at := location{own: true, url: l.upstream.ResolveReference(&url.URL{Path: joined.Path, RawPath: joined.RawPath, RawQuery: joined.RawQuery})}
	if key, ok := strings.CutPrefix(joined.Path, l.stored); ok && l.stored != "" && path.Clean("/"+key) == "/"+key {
		at.key = key
	}
	return at, nil
}

const (
	fetchTTL    = 15 * time.Minute // of a URL that the proxy itself reads
	fallbackTTL = 5 * time.Minute  // of one that a browser is sent to
)

// locate says where a capture's original lies, signing a URL that works for ttl
// where it is in a bucket.
func (r *Renderer) locate(ctx context.Context, original thumb.Original, ttl time.Duration) (location, error) {
	if original.Bucket == nil {
		return r.locations.find(original)
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Source.ConnectTimeout)
	defer cancel()
	signed, err := r.buckets.Presign(ctx, *original.Bucket, original.Path, ttl)
	if err != nil {
		return location{}, fmt.Errorf("signing for the bucket: %w", err)
	}
	u, err := url.Parse(signed)
	if err != nil || !isHTTP(u) {
		return location{}, errors.New("the bucket's endpoint is not an http or https URL")
	}
	return location{url: u}, nil
}

// OriginalURL returns a URL at which anyone may fetch the original of a public
// capture for five minutes, or "" where there is none that a browser may be sent
// to: no http or https URL, a host that is private, loopback or a bare name (by its
// looks; no name is resolved), or one that takes a password. The app's own files are
// at a path of the site itself. It costs one database statement.
func (r *Renderer) OriginalURL(ctx context.Context, id thumb.ID) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	work, err := r.database.Original(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading where the original lies: %w", err)
	}
	if !work.Capture.Public {
		return "", thumb.ErrNotPublic
	}
	at, err := r.locate(ctx, work.Original, fallbackTTL)
	switch {
	case err != nil:
		return "", nil // nowhere that a browser can go
	case at.own && strings.HasPrefix(at.url.EscapedPath(), "//"):
		return "", nil // it would be another host
	case at.own:
		return at.url.RequestURI(), nil
	case at.url.User != nil || !browsable(at.url.Hostname()):
		return "", nil
	}
	return at.url.String(), nil
}

// read brings an original into memory.
func (r *Renderer) read(ctx context.Context, work *thumb.Work, room roomFor) ([]byte, error) {
	at, err := r.locate(ctx, work.Original, fetchTTL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", thumb.ErrOriginalUnavailable, err)
	}
	if at.key != "" {
		bytes, err := r.readStored(ctx, at.key, room)
		if !errors.Is(err, thumb.ErrFileMissing) {
			return bytes, err
		}
	}
	return r.fetcher.fetch(ctx, at, room)
}

// readStored reads an original that lies in the proxy's own storage.
func (r *Renderer) readStored(ctx context.Context, key string, room roomFor) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.fetcher.limit)
	defer cancel()
	body, size, err := r.storage.Open(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("%w: opening %s: %w", thumb.ErrOriginalUnavailable, key, err)
	}
	defer body.Close()
	return r.fetcher.readAll(ctx, body, size, room)
}

func isHTTP(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

// authority is a URL's host and port in one form: lower case, no default port.
func authority(u *url.URL) string {
	host := canonicalHost(u.Hostname())
	if port := u.Port(); port != "" && !(u.Scheme == "http" && port == "80") && !(u.Scheme == "https" && port == "443") {
		return host + ":" + port
	}
	return host
}
