package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What stored files are served with: a key is used once. A private one may be kept by the
// reader that it was signed for, and by nobody between.
const (
	publicCacheControl  = "public, max-age=31536000, immutable"
	privateCacheControl = "private, max-age=31536000, immutable, no-transform"
)

func (c *Config) cacheControl() string {
	if c.Private {
		return privateCacheControl
	}
	return publicCacheControl
}

// Put stores a JPEG, and confirms that it is there.
func (s *Storage) Put(ctx context.Context, key string, jpeg []byte) error {
	if key == "" || strings.HasSuffix(key, "/") || siteFile(key) {
		return fmt.Errorf("storing %q: not the key of a file", key)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.object(key), ACL: types.ObjectCannedACL(s.cfg.ACL),
		Body: bytes.NewReader(jpeg), ContentLength: aws.Int64(int64(len(jpeg))),
		ContentType: aws.String("image/jpeg"), CacheControl: aws.String(s.cfg.cacheControl()),
	})
	if err == nil {
		err = s.confirm(ctx, key, jpeg, aws.ToString(out.ETag))
	}
	if err != nil {
		return fmt.Errorf("storing %q: %w", key, err)
	}
	return nil
}

// Open opens a file for reading, under ctx. A read that gets no byte for the
// timeout fails.
func (s *Storage) Open(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	patience := time.AfterFunc(s.cfg.Timeout, cancel)
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.cfg.Bucket, Key: s.object(key)})
	if err != nil {
		patience.Stop()
		cancel()
		var missing *types.NoSuchKey
		if errors.As(err, &missing) {
			err = fmt.Errorf("%w (%w)", thumb.ErrFileMissing, err)
		}
		return nil, 0, fmt.Errorf("opening %q: %w", key, err)
	}
	return &body{ReadCloser: out.Body, timeout: s.cfg.Timeout, patience: patience, cancel: cancel}, aws.ToInt64(out.ContentLength), nil
}

// body is an object that is being read.
type body struct {
	io.ReadCloser
	timeout  time.Duration
	patience *time.Timer // cancels the request
	cancel   context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	b.patience.Reset(b.timeout)
	defer b.patience.Stop() // the reader may take its time
	return b.ReadCloser.Read(p)
}

func (b *body) Close() error {
	defer b.cancel()
	b.patience.Stop()
	return b.ReadCloser.Close()
}

// Exists says whether a file is there.
func (s *Storage) Exists(ctx context.Context, key string) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	_, err := s.client.HeadObject(limited, &s3.HeadObjectInput{Bucket: &s.cfg.Bucket, Key: s.object(key)})
	var notFound *types.NotFound
	switch {
	case err == nil:
		return true, nil
	case !errors.As(err, &notFound):
		return false, fmt.Errorf("looking for %q: %w", key, err)
	}
	// A HEAD's 404 has no body that tells a missing file from a missing bucket,
	// and whoever asks may remove the row.
	body, _, err := s.Open(ctx, key)
	switch {
	case err == nil:
		return true, body.Close()
	case errors.Is(err, thumb.ErrFileMissing):
		return false, nil
	}
	return false, err
}

// Delete removes a file; one that is not there is no error.
func (s *Storage) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.cfg.Bucket, Key: s.object(key)})
	var missing *types.NoSuchKey
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("deleting %q: %w", key, err)
	}
	return nil
}

// List calls each for the files under prefix that sort after the key after, in
// the order of their keys. The timeout is that of each request.
func (s *Storage) List(ctx context.Context, prefix, after string, each func(imaging.File) error) error {
	input := &s3.ListObjectsV2Input{Bucket: &s.cfg.Bucket, Prefix: s.object(prefix)}
	if after != "" {
		input.StartAfter = s.object(after)
	}
	for pages := s3.NewListObjectsV2Paginator(s.client, input); pages.HasMorePages(); {
		page, err := s.page(ctx, pages)
		if err != nil {
			return fmt.Errorf("listing %q: %w", prefix, err)
		}
		for _, object := range page.Contents {
			key := strings.TrimPrefix(aws.ToString(object.Key), s.cfg.Location)
			if key == "" || strings.HasSuffix(key, "/") || siteFile(key) {
				continue // a folder, as consoles make them, or no thumbnail
			}
			if err := each(imaging.File{Key: key, Size: aws.ToInt64(object.Size), Modified: aws.ToTime(object.LastModified)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Storage) page(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return pages.NextPage(ctx)
}

func (s *Storage) object(key string) *string {
	key = s.cfg.Location + key
	return &key
}
