package imaging

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// memoryStorage keeps files in memory, and refuses a key that was used before.
type memoryStorage struct {
	mu    sync.Mutex
	files map[string][]byte
	used  map[string]bool
	puts  int
	// Put and Open ask it before ("put") and after ("put done") they act.
	fail func(ctx context.Context, operation string) error
}

func newMemoryStorage() *memoryStorage {
	return &memoryStorage{files: map[string][]byte{}, used: map[string]bool{}, fail: func(context.Context, string) error { return nil }}
}

func (s *memoryStorage) Put(ctx context.Context, key string, jpeg []byte) error {
	if err := s.fail(ctx, "put"); err != nil {
		return err
	}
	s.mu.Lock()
	if s.used[key] {
		s.mu.Unlock()
		return errors.New("key used twice: " + key)
	}
	s.puts++
	s.used[key], s.files[key] = true, bytes.Clone(jpeg)
	s.mu.Unlock()
	return s.fail(ctx, "put done")
}

// put stores what no Put of the cold path did.
func (s *memoryStorage) put(key, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[key] = []byte(content)
}

func (s *memoryStorage) Open(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	if err := s.fail(ctx, "open"); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	file, ok := s.files[key]
	if !ok {
		return nil, 0, thumb.ErrFileMissing
	}
	return io.NopCloser(bytes.NewReader(file)), int64(len(file)), nil
}

func (s *memoryStorage) Exists(_ context.Context, key string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.files[key]
	return ok, nil
}

func (s *memoryStorage) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, key)
	return nil
}

func (s *memoryStorage) List(context.Context, string, string, func(File) error) error {
	return errors.New("the cold path lists nothing")
}

func (s *memoryStorage) StorageURLs() thumb.StorageURLs { return thumb.StorageURLs{Base: "/media/"} }

// thumbnails returns the keys of the files that are not originals.
func (s *memoryStorage) thumbnails() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.files)), func(key string) bool { return !strings.HasPrefix(key, "thumbnails/") })
}

// memoryBuckets signs by writing down what it was asked.
type memoryBuckets struct{ url string }

func (b memoryBuckets) Presign(_ context.Context, bucket thumb.Bucket, key string, ttl time.Duration) (string, error) {
	if b.url == "" {
		return "", errors.New("no such bucket")
	}
	return b.url + "/" + bucket.Name + "/" + key + "?expires=" + ttl.String(), nil
}
