package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// lookAtApp asks the app for its first page, as thumbedge would for a browser: with the
// site's own Host and scheme where server.public_url names them.
func lookAtApp(ctx context.Context, file *config.File) (string, error) {
	at := strings.TrimSuffix(file.Upstream.URL, "/") + firstPage(file)
	start := time.Now()
	request, response, err := askApp(ctx, file, firstPage(file))
	if err != nil && request == nil {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("upstream.url %s does not answer: %w", file.Upstream.URL, errors.Unwrap(err))
	}
	defer response.Body.Close()
	fact := fmt.Sprintf("%s answers %d after %d ms", at, response.StatusCode, time.Since(start).Milliseconds())
	switch status := response.StatusCode; {
	case status == http.StatusNotFound:
		return "", fmt.Errorf("%s answers %s: no page of the app is there. Is upstream.url the app, and are rewrite.paths its paths?", at, response.Status)
	case status == http.StatusBadRequest:
		return "", degradedError{fmt.Errorf("%s answers %s: an app that does not know the Host %q refuses so. "+
			"With server.public_url set, check asks as browsers do", at, response.Status, request.Host)}
	case status >= 300 && status < 400:
		return fact + ", a redirect to " + response.Header.Get("Location"), nil
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return fact + ", as it would for somebody who is not logged in", nil
	case status >= 400:
		return "", fmt.Errorf("%s answers %s", at, response.Status)
	}
	return fact, nil
}

// firstPage is the path of a page that any app has.
func firstPage(file *config.File) string {
	if len(file.Rewrite.Paths) == 0 {
		return "/"
	}
	return file.Rewrite.Paths[0]
}
