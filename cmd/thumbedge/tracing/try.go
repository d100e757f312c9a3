package tracing

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Try sends the collector a batch without spans, with the headers that a real one has, and
// returns what it answers. An error says what is wrong, with the way out.
func Try(ctx context.Context, cfg Config) (fact string, err error) {
	c := newCollector(cfg)
	defer c.http.CloseIdleConnections()
	answer, err := c.post(ctx, nil)
	if err != nil {
		return "", unreachable(c.url, err)
	}
	advice := ""
	switch status := answer.code; {
	case status/100 == 2:
		if media, _, _ := mime.ParseMediaType(answer.header.Get("Content-Type")); media == "text/html" {
			return "", fmt.Errorf("%s answers with a web page. The way out: tracing.endpoint is the collector's address for OTLP over HTTP (port 4318, mostly)", c.url)
		}
		return fmt.Sprintf("%s takes OTLP: it answers %d to a batch without spans", c.url, status), nil
	case status/100 == 3:
		advice = fmt.Sprintf("tracing.endpoint is where it redirects to, %s: spans follow no redirect", answer.header.Get("Location"))
	case status == http.StatusBadRequest && strings.Contains(string(answer.body), "HTTPS"):
		advice = "it wants TLS: tracing.endpoint begins with https://"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		advice = "tracing.headers holds what the collector wants to see, such as Authorization"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		advice = "tracing.endpoint is the collector's address for OTLP over HTTP (port 4318, mostly), without " + tracesPath
	case status == http.StatusUnsupportedMediaType:
		advice = "the collector has to take OTLP as protobuf, not only as JSON"
	case status == http.StatusTooManyRequests, status >= 500:
		advice = "see the collector's log, or try again"
	default:
		return "", fmt.Errorf("%s answers %s", c.url, answer.status)
	}
	return "", fmt.Errorf("%s answers %s. The way out: %s", c.url, answer.status, advice)
}

// unreachable says why nothing answers, and the way out.
func unreachable(at string, err error) error {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var dial *net.OpError
	var request *url.Error // which names the URL, and what went wrong
	switch {
	case errors.As(err, &name):
		return fmt.Errorf("there is no host %s. The way out: tracing.endpoint", name.Name)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s does not answer in time. The way out: see the collector's log, or whether something between drops packets", at)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s is not TLS. The way out: tracing.endpoint begins with http://", at)
	case errors.As(err, &certificate):
		return fmt.Errorf("%s: %w. The way out: tracing.endpoint has the name in the certificate, and this machine trusts who signed it (SSL_CERT_FILE)", at, certificate)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w. The way out: tracing.endpoint is where the collector listens, or nothing runs there", dial)
	}
	if errors.As(err, &request) {
		err = request.Err
	}
	return fmt.Errorf("%s: %w. The way out: the collector has to take OTLP over HTTP there (port 4318, mostly), not gRPC (4317)", at, err)
}
