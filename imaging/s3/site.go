package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// longestIdentity bounds what is read of a site's identity.
const longestIdentity = 256

// Site returns the identity that the bucket bears under prefix; "": none.
func (s *Storage) Site(ctx context.Context, prefix string) (string, error) {
	body, _, err := s.Open(ctx, prefix+imaging.SiteFile)
	if errors.Is(err, thumb.ErrFileMissing) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the site's identity: %w", err)
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, longestIdentity))
	if err != nil {
		return "", fmt.Errorf("reading the site's identity: %w", err)
	}
	return string(text), nil
}

// SetSite has the bucket bear an identity, in place of any other; "": none. Its object
// has no ACL of its own.
func (s *Storage) SetSite(ctx context.Context, prefix, identity string) error {
	if identity == "" {
		return s.Delete(ctx, prefix+imaging.SiteFile)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.object(prefix + imaging.SiteFile), Body: strings.NewReader(identity),
		ContentLength: aws.Int64(int64(len(identity))), ContentType: aws.String("text/plain"), CacheControl: aws.String("no-store"),
	})
	if err != nil {
		return fmt.Errorf("writing the site's identity: %w", err)
	}
	return nil
}

// siteFile says whether a key is that of a site's identity, whatever the prefix.
func siteFile(key string) bool { return strings.HasSuffix(key, imaging.SiteFile) }
