package source

import (
	"errors"
	"net/url"
	"path"
	"strings"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Location is where an original lies.
type Location struct {
	url *url.URL // to fetch it from
	key string   // in the proxy's own storage, to be looked at first; "": not there
	own bool     // it is the app's own file, and url is the app's: trusted
}

// Host names who serves the original, host and port: whoever waits for it waits for
// them. It is "" for an original that is looked for in the proxy's own storage.
func (at Location) Host() string {
	if at.key != "" {
		return ""
	}
	return authority(at.url)
}

// site knows the places whose files are the app's own.
type site struct {
	upstream *url.URL // scheme and host
	prefix   string   // path before every target at the app
	public   *url.URL // nil: unknown
	// stored is the path under which storage has its files on the site itself; ""
	// where it has them elsewhere.
	stored string
}

func newSite(cfg Config, storage Storage) (site, error) {
	upstream, err := url.Parse(cfg.UpstreamURL)
	if err != nil || !isHTTP(upstream) || upstream.Host == "" {
		return site{}, errors.New("upstream.url is not an http or https URL")
	}
	s := site{upstream: &url.URL{Scheme: upstream.Scheme, Host: upstream.Host}, prefix: strings.TrimRight(upstream.Path, "/")}
	if cfg.PublicURL != "" {
		if s.public, err = url.Parse(cfg.PublicURL); err != nil || !isHTTP(s.public) || s.public.Host == "" {
			return site{}, errors.New("server.public_url is not an http or https URL")
		}
	}
	const probe = "original.jpg"
	urls := storage.StorageURLs()
	if u, err := url.Parse(urls.Of(probe)); err == nil && s.onSite(u) {
		s.stored, _ = strings.CutSuffix(u.Path, probe)
	}
	return s, nil
}

// onSite says whether a URL is the site's own: relative, or under
// server.public_url.
func (s *site) onSite(u *url.URL) bool {
	if u.Scheme == "" && u.Host == "" {
		return true
	}
	return s.public != nil && isHTTP(u) && authority(u) == authority(s.public) && under(u.Path, s.public.Path)
}

func under(path, folder string) bool {
	folder = strings.TrimSuffix(folder, "/")
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (rest == "" || rest[0] == '/')
}

// find says where an original lies that is in no bucket.
func (s *site) find(original thumb.Original) (Location, error) {
	if original.PublicBaseURL == "" || original.Path == "" {
		return Location{}, errors.New("the capture has no public base URL or no path")
	}
	joined, err := join(original.PublicBaseURL, original.Path)
	if err != nil {
		return Location{}, err
	}
	if !s.onSite(joined) {
		if !isHTTP(joined) || joined.Hostname() == "" {
			return Location{}, errors.New("the original is not at an http or https URL")
		}
		return Location{url: joined}, nil
	}
	at := Location{own: true, url: s.upstream.ResolveReference(&url.URL{Path: joined.Path, RawPath: joined.RawPath, RawQuery: joined.RawQuery})}
	if at.url.Path = s.prefix + at.url.Path; at.url.RawPath != "" {
		at.url.RawPath = s.prefix + at.url.RawPath
	}
	if key, ok := strings.CutPrefix(joined.Path, s.stored); ok && s.stored != "" && path.Clean("/"+key) == "/"+key {
		at.key = key
	}
	return at, nil
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
