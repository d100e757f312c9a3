// Package s3 keeps thumbnails in a bucket of an S3 server, and signs URLs of
// originals that lie in the buckets of deployments.
//
// An object lies at location + key. Its storage URL is the bucket's own address
// or public_base_url, then that path. Where the bucket is not public the URL is
// signed, for a quantised moment: the same file has the same URL, byte for byte,
// on every replica, until less than half of its life is left. Building a URL
// asks nobody and never waits.
//
// Every operation is bounded in time, retries and all. A Put that fails may have
// stored the object all the same, when the answer got lost; that is a file
// without a row, which reconcile finds.
//
// The keys need s3:GetObject, s3:PutObject and s3:DeleteObject below location,
// s3:PutObjectAcl where an ACL is configured, and s3:ListBucket: without the last,
// AWS answers 403 for an object that is not there, and nobody can say that it is
// missing.
package s3

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/thumbedge/thumbedge/imaging"
)

// defaultRegion is where a bucket is taken to lie when nobody says otherwise;
// servers other than AWS mostly accept it.
const defaultRegion = "us-east-1"

// Storage keeps thumbnails in a bucket. Its methods may be called from many
// goroutines. Close it when nobody calls them any more.
type Storage struct {
	cfg     Config
	client  *s3.Client
	address address
	// presigner is nil where URLs are not signed.
	presigner *presigner

	stop    context.CancelFunc
	running sync.WaitGroup
}

var _ imaging.Storage = (*Storage)(nil)

// New makes the storage that cfg describes. It asks the bucket nothing. With
// presigning and without configured keys it asks for credentials, and keeps them
// fresh until Close.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Storage, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	client, err := newClient(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &Storage{cfg: cfg, client: client, stop: func() {}}
	// What the client made of the configuration, with what the environment adds.
	cfg.Region, cfg.Endpoint = client.Options().Region, aws.ToString(client.Options().BaseEndpoint)
	if s.address, err = cfg.address(ctx); err != nil {
		return nil, err
	}
	if cfg.Presign > 0 {
		if err := s.startPresigning(ctx, cfg, log); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close ends what runs in the background.
func (s *Storage) Close() error {
	s.stop()
	s.running.Wait()
	return nil
}

func newClient(ctx context.Context, cfg Config) (*s3.Client, error) {
	transport := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = min(5*time.Second, cfg.Timeout) }).
		WithTransportOptions(func(t *http.Transport) {
			// Shorter than the whole, so that a server that says nothing leaves time
			// for a second try.
			t.ResponseHeaderTimeout = cfg.Timeout / 2
			t.MaxIdleConnsPerHost = 32
		})
	var base aws.Config
	if cfg.AccessKey != "" {
		base.Credentials = credentials.NewStaticCredentialsProvider(cfg.AccessKey, cfg.SecretKey, "")
	} else {
		var err error
		base, err = config.LoadDefaultConfig(ctx, config.WithHTTPClient(transport),
			config.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = expiryWindow }))
		if err != nil {
			return nil, fmt.Errorf("storage.access_key: not set, and the SDK's own chain fails: %w", err)
		}
	}
	base.HTTPClient = transport
	return s3.NewFromConfig(base, func(o *s3.Options) {
		switch {
		case cfg.Region != "":
			o.Region = cfg.Region
		case o.Region == "":
			o.Region = defaultRegion
		}
		if cfg.Endpoint != "" {
			o.BaseEndpoint = &cfg.Endpoint
		}
		o.UsePathStyle = cfg.PathStyle
		// The newer checksums break some servers that are not AWS.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}), nil
}
