package storagetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// list returns the keys that a listing finds, and checks their order.
func list(t *testing.T, s Subject, prefix, after string) []string {
	t.Helper()
	keys := []string{}
	err := s.List(t.Context(), prefix, after, func(f imaging.File) error {
		keys = append(keys, f.Key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(keys) {
		t.Errorf("listing %q: not in bytewise order: %q", prefix, keys)
	}
	return keys
}

func listOrder(t *testing.T, s Subject) {
	// '-' and '.' sort before '/', '0' after it; folders and files are mixed.
	keys := []string{"a-b/z.jpg", "a-b.jpg", "a.jpg", "a/b.jpg", "a/b/c.jpg", "a/b-c.jpg", "a/c/d.jpg", "a0.jpg", "a0/x.jpg", "ab/c.jpg", "b.jpg"}
	for _, key := range keys {
		put(t, s, key, "x")
	}
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "a/", "a/b", "a-", "a0", "a/b/", "b", "c", "a//", "../a"} {
		for _, after := range append([]string{"", "0", "a", "a/", "a/b", "a/b/c", "a1", "zzz"}, keys...) {
			want := []string{}
			for _, key := range keys {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			if diff := cmp.Diff(want, list(t, s, prefix, after)); diff != "" {
				t.Errorf("listing %q after %q (-want +got):\n%s", prefix, after, diff)
			}
		}
	}
}

func listEnds(t *testing.T, s Subject) {
	put(t, s, "a/1.jpg", "x")
	put(t, s, "a/2.jpg", "x")
	stop, calls := errors.New("stop"), 0
	err := s.List(t.Context(), "", "", func(imaging.File) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%d calls and error %v, want one call and its error", calls, err)
	}
}

func listLong(t *testing.T, s Subject) {
	const count = 1100 // a page of S3 has 1000
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	var want []string
	for id := range thumb.ID(count) {
		key := string(thumb.Keys("thumbnails/").Append(nil, id+1, "small", 7))
		want = append(want, key)
		group.Go(func() error { return s.Put(ctx, key, []byte("x")) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, list(t, s, "thumbnails/capture_", "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
