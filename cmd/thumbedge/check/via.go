package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// maxHops is how many redirects a look at the site follows.
const maxHops = 10

// via is a look at the site from outside.
type via struct {
	file    *config.File
	tell    func(Finding)
	site    *url.URL // where the page was found, redirects followed
	served  answer   // as browsers get it
	written answer   // the same page as the app writes it
}

// answer is one response, read.
type answer struct {
	code   int
	status string
	header http.Header
	body   []byte
}

// Via fetches a page as a browser does, through the site's public address, and
// tells what stands between: redirect loops, a wrong Host or X-Forwarded-Proto,
// whether thumbedge had the page in its hands, and how many of the page's route URLs
// it rewrote. A target without a path is the site's first page of rewrite.paths.
//
// It fetches the page twice: plainly, and with a Range, which thumbedge passes
// through as the app wrote it and which apps ignore on pages. The second shows the
// authority and the scheme of every route URL, whatever is warm.
func Via(ctx context.Context, file *config.File, target string, tell func(Finding)) {
	ctx, cancel := context.WithTimeout(ctx, 2*partLimit)
	defer cancel()
	v := via{file: file, tell: tell}
	fact, err := v.fetch(ctx, target)
	tell(Finding{Part: "site", Fact: fact, Err: err})
	if err != nil {
		for _, part := range []string{"thumbedge", "host", "scheme", "route URLs"} {
			tell(Finding{Part: part, Unknown: true, Fact: "not looked at: there is no page"})
		}
		return
	}
	v.judge()
}

// fetch gets both pages.
func (v *via) fetch(ctx context.Context, target string) (string, error) {
	start, err := url.Parse(target)
	if err != nil || start.Host == "" || start.Scheme != "http" && start.Scheme != "https" {
		return "", fmt.Errorf("%q is no http(s) URL", target)
	}
	if strings.Trim(start.Path, "/") == "" {
		start.Path = firstPage(v.file)
	}
	hops, err := v.follow(ctx, start)
	if err != nil {
		return "", err
	}
	if err := v.refusal(); err != nil {
		return "", fmt.Errorf("%s answers %s: %w", v.site, v.served.status, err)
	}
	v.written, err = get(ctx, v.site, "bytes=0-")
	if err == nil && v.written.code != http.StatusOK && v.written.code != http.StatusPartialContent {
		err = errors.New(v.written.status)
	}
	if err != nil {
		return "", fmt.Errorf("%s, asked a second time: %w", v.site, err)
	}
	return fmt.Sprintf("%s answers %d, %d redirects before", v.site, v.served.code, hops), nil
}

// follow gets the page, and follows redirects by itself, so that it can tell how
// they go wrong.
func (v *via) follow(ctx context.Context, at *url.URL) (hops int, err error) {
	seen := []string{}
	for {
		if v.served, err = get(ctx, at, ""); err != nil {
			return 0, v.unreachable(at, seen, err)
		}
		v.site = at
		target := v.served.header.Get("Location")
		if target == "" || v.served.code < 300 || v.served.code > 399 {
			return len(seen), nil
		}
		location, err := at.Parse(target)
		if err != nil {
			return 0, fmt.Errorf("%s redirects to something that is no URL: %w", at, err)
		}
		seen = append(seen, at.String())
		if slices.Contains(seen, location.String()) || len(seen) > maxHops {
			return 0, fmt.Errorf("redirects without end: %s → %s. %s", strings.Join(seen, " → "), location, adviceOnScheme)
		}
		at = location
	}
}

// unreachable is the error of an address that does not answer. After a redirect that
// says where it came from: an app that does not know its own address sends browsers
// elsewhere.
func (v *via) unreachable(at *url.URL, seen []string, err error) error {
	if len(seen) == 0 {
		return fmt.Errorf("%s does not answer: %w", at, err)
	}
	return fmt.Errorf("%s redirects to %s, which does not answer: %w. Where that is not the site's address: %s",
		seen[len(seen)-1], at, err, adviceOnHost)
}

// refusal is why the answer is no page, with the way out.
func (v *via) refusal() error {
	mediaType, _, _ := strings.Cut(v.served.header.Get("Content-Type"), ";")
	switch status := v.served.code; {
	case status == http.StatusBadRequest:
		return errors.New("an app that does not know the Host refuses so. " + adviceOnHost)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return errors.New("give the URL of a page that anyone may see")
	case status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		return errors.New("nginx does not reach thumbedge, or thumbedge not the app: thumbedge check, on its own host, says which")
	case status != http.StatusOK:
		return fmt.Errorf("give the URL of a page, such as %s", firstPage(v.file))
	case mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json"):
		return fmt.Errorf("%q is no page: give the address of the API", mediaType)
	case v.served.header.Get("Age") != "":
		return errors.New("a cache before thumbedge answered (Age: " + v.served.header.Get("Age") + "); pages must not be cached there")
	}
	return nil
}

// get fetches one URL, without following redirects.
func get(ctx context.Context, at *url.URL, byteRange string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Accept", "application/json")
	if byteRange != "" {
		request.Header.Set("Range", byteRange)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	return answer{code: response.StatusCode, status: response.Status, header: response.Header, body: body}, err
}
