package testenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Bucket is a bucket of a test's own on a real S3 server, addressed by path.
// Anybody may read its objects, as browsers do; the keys may do everything.
type Bucket struct {
	Endpoint, Region, AccessKey, SecretKey, Name string
}

var sharedS3 = sync.OnceValues(startS3)

// S3 makes a bucket of the test's own.
func S3(t testing.TB) Bucket {
	t.Helper()
	server, client := newBucket(t)
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::%s/*"}]}`, server.Name)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &server.Name, Policy: &policy}); err != nil {
		t.Fatalf("opening the bucket to readers: %v", err)
	}
	return server
}

// PrivateS3 returns a new and empty bucket that only its keys may read.
func PrivateS3(t testing.TB) Bucket {
	t.Helper()
	server, _ := newBucket(t)
	return server
}

func newBucket(t testing.TB) (Bucket, *s3.Client) {
	t.Helper()
	server, err := sharedS3()
	if err != nil {
		t.Fatalf("starting the S3 server: %v", err)
	}
	server.Name = fmt.Sprintf("te-%d-%d", os.Getpid(), serial.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client := server.client()
	// The policy is honoured where the bucket's owner has the last word on access.
	_, err = client.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: &server.Name, ObjectOwnership: types.ObjectOwnershipBucketOwnerPreferred,
	})
	if err != nil {
		t.Fatalf("making a bucket: %v", err)
	}
	return server, client
}

// Keys returns the names of all objects whose names begin with prefix.
func (b Bucket) Keys(t testing.TB, prefix string) (keys []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	pages := s3.NewListObjectsV2Paginator(b.client(), &s3.ListObjectsV2Input{Bucket: &b.Name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatalf("listing a bucket: %v", err)
		}
		for _, object := range page.Contents {
			keys = append(keys, aws.ToString(object.Key))
		}
	}
	return keys
}

func startS3() (Bucket, error) {
	program, err := tool("versitygw")
	if err != nil {
		return Bucket{}, err
	}
	dir, err := tempDir()
	if err != nil {
		return Bucket{}, err
	}
	files, metadata := filepath.Join(dir, "files"), filepath.Join(dir, "metadata")
	for _, folder := range []string{files, metadata} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return Bucket{}, err
		}
	}
	server := Bucket{Region: "us-east-1", AccessKey: "AK" + rand.Text(), SecretKey: rand.Text()}
	address, err := start(program, func(address string) []string {
		// A folder for the metadata: not every file system has extended attributes.
		return []string{"--port", address, "--access", server.AccessKey, "--secret", server.SecretKey, "--region", server.Region,
			"--quiet", "--keep-alive", "posix", "--sidecar", metadata, files}
	}, func(ctx context.Context, address string) error {
		server.Endpoint = "http://" + address
		// Signed: another server on that port would refuse the key.
		_, err := server.client().ListBuckets(ctx, &s3.ListBucketsInput{})
		return err
	})
	if err != nil {
		return Bucket{}, err
	}
	server.Endpoint = "http://" + address
	return server, nil
}

func (b Bucket) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &b.Endpoint, Region: b.Region, UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider(b.AccessKey, b.SecretKey, ""),
		Retryer:                    aws.NopRetryer{},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
}
