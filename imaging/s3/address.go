package s3

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// address is where browsers find a folder of a bucket: base is the whole URL, and
// ends with a slash or with the location.
type address struct {
	base string
	host string // as the Host header has it
	path int    // where in base the path begins
}

// address returns that of the storage's location.
func (c Config) address(ctx context.Context) (address, error) {
	if c.PublicBaseURL == "" {
		return resolve(ctx, c.Endpoint, c.Region, c.Bucket, c.PathStyle, c.Location)
	}
	u, err := url.Parse(c.PublicBaseURL)
	if err != nil {
		return address{}, fmt.Errorf("storage.public_base_url: %w", err)
	}
	return newAddress(u, c.Location), nil
}

// resolve asks the SDK's rules where a bucket is, so that URLs name the server
// that the SDK itself speaks to.
func resolve(ctx context.Context, endpoint, region, bucket string, pathStyle bool, location string) (address, error) {
	parameters := s3.EndpointParameters{Bucket: &bucket, Region: &region, ForcePathStyle: &pathStyle}
	if endpoint != "" {
		parameters.Endpoint = &endpoint
	}
	resolved, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, parameters)
	if err != nil {
		return address{}, fmt.Errorf("finding the endpoint of bucket %q: %w", bucket, err)
	}
	return newAddress(&resolved.URI, location), nil
}

func newAddress(u *url.URL, location string) address {
	// As browsers send it, and as it is therefore signed.
	host := strings.ToLower(u.Host)
	if port := u.Port(); u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	base := u.Scheme + "://" + host
	path := len(base)
	// Escaped anew, part by part: the path may hold what url.URL lets stand and
	// the signature does not.
	text := thumb.AppendEscaped([]byte(base), strings.TrimSuffix(u.Path, "/")+"/"+location)
	return address{base: string(text), host: host, path: path}
}

// StorageURLs says how the storage URLs of this moment are written. There are none when the
// credentials to sign with have expired, and there are no new ones.
func (s *Storage) StorageURLs() thumb.StorageURLs {
	if s.presigner == nil {
		return thumb.StorageURLs{Base: s.address.base}
	}
	quantum := s.presigner.quantum(time.Now())
	if quantum == nil {
		return thumb.StorageURLs{Base: s.address.base, None: true}
	}
	return thumb.StorageURLs{Base: s.address.base, Signer: quantum, Expires: quantum.expires}
}
