package check

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/proxy/wire/upstream"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// lookAtImageURLs compares where thumbedge sends browsers for the newest row's file with
// where the app sends them, by its own route.
func lookAtImageURLs(ctx context.Context, file *config.File) (fact string, err error) {
	storage, _, _, err := program.NewStorage(ctx, file, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	defer storage.Close()
	var newest []postgres.NamedFile
	err = withStore(file, func(_ *pgxpool.Pool, store *postgres.Store) error {
		newest, err = store.Newest(ctx, 1)
		return err
	})
	if err != nil {
		return "", err
	}
	if len(newest) == 0 {
		return "there is no row yet whose URL could be compared with the app's", nil
	}
	row := newest[0]
	target := fmt.Sprintf("%s%d/?label=%s", file.Rewrite.Route, row.Capture, url.QueryEscape(row.Label))
	request, response, err := askApp(ctx, file, target)
	if err != nil {
		return "", err
	}
	response.Body.Close()
	asked := *request.URL
	if request.Host != "" {
		asked.Host = request.Host
	}
	urls := storage.StorageURLs()
	ours, err := asked.Parse(urls.Of(row.Path))
	if err != nil {
		return "", fmt.Errorf("the storage URL of %s: %w", row.Path, err)
	}
	theirs, err := asked.Parse(response.Header.Get("Location"))
	if err != nil || response.StatusCode < 300 || response.StatusCode >= 400 || theirs.Path == asked.Path {
		return fmt.Sprintf("not compared: the app answers %s to %s, and no redirect to the file", response.Status, target), nil
	}
	if placeOf(ours) != placeOf(theirs) {
		return "", degradedError{fmt.Errorf("for one file thumbedge sends browsers to %s, and the app to %s. "+
			"Unless that is meant, as with a CDN: storage.bucket, endpoint, location, path_style, public_base_url, url_path", bare(ours), bare(theirs))}
	}
	return "browsers are sent where the app sends them: " + bare(ours), nil
}

// askApp asks the app for something, as thumbedge would for a browser: with the site's own
// Host and scheme where server.public_url names them. Redirects are not followed.
func askApp(ctx context.Context, file *config.File, target string) (*http.Request, *http.Response, error) {
	app, err := upstream.New(file.Upstream.Place())
	if err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, app.Base()+target, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("upstream.url: %w", err)
	}
	if site, err := url.Parse(file.Server.PublicURL); err == nil && site.Host != "" && file.Upstream.PreserveHost {
		request.Host = site.Host
		request.Header.Set("X-Forwarded-Proto", site.Scheme)
	}
	transport := &http.Transport{DialContext: app.Dial, TLSClientConfig: app.TLS(), DisableKeepAlives: true}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	return request, response, err
}

// amazon is a bucket's address at AWS: by host name or by path, with the region or, as
// boto has it, without.
var amazon = regexp.MustCompile(`^(?:(.+)\.)?s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com$`)

// placeOf returns what two URLs of one file have in common.
func placeOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	match := amazon.FindStringSubmatch(host)
	switch {
	case match == nil:
		return host + u.Path
	case match[1] == "":
		return "s3:/" + u.Path
	}
	return "s3://" + match[1] + u.Path
}

// bare is a URL without a signature.
func bare(u *url.URL) string {
	text, _, _ := strings.Cut(u.String(), "?")
	return text
}
