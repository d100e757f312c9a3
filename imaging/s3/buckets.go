package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Buckets signs URLs of originals that lie in the buckets of deployments. Signing
// asks nobody, so there is nothing to keep between two calls.
type Buckets struct{}

var _ imaging.Buckets = Buckets{}

// Presign returns a URL that reads key from bucket for ttl, cut to whole seconds
// and to the seven days that signatures may live. The bucket's prefix is where
// the app looks for originals, and is part of their paths already: key is the
// whole key.
//
// A bucket with an endpoint of its own is addressed by path, as boto3 does it in
// the app; one at AWS by its host name.
func (Buckets) Presign(ctx context.Context, bucket thumb.Bucket, key string, ttl time.Duration) (string, error) {
	switch {
	case bucket.Name == "" || key == "":
		return "", errors.New("signing an original's URL: the data source has no bucket, or the capture no path")
	case bucket.AccessKey == "" || bucket.SecretKey == "":
		return "", fmt.Errorf("signing an original's URL: the data source of bucket %q has no keys", bucket.Name)
	case bucket.EndpointURL != "" && !plainURL(bucket.EndpointURL):
		return "", fmt.Errorf("signing an original's URL: the endpoint of bucket %q is not an http or https URL", bucket.Name)
	}
	region := cmp.Or(bucket.Region, defaultRegion)
	a, err := resolve(ctx, bucket.EndpointURL, region, bucket.Name, bucket.EndpointURL != "", "")
	if err != nil {
		return "", fmt.Errorf("signing an original's URL: %w", err)
	}
	keys := &aws.Credentials{AccessKeyID: bucket.AccessKey, SecretAccessKey: bucket.SecretKey}
	signature := newSignature(keys, region, a.host, time.Now(), min(max(ttl, time.Second), longestPresign))
	return string(signature.append(thumb.AppendEscaped([]byte(a.base), key), a.path)), nil
}
