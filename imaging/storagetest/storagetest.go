// Package storagetest is the suite that every imaging.Storage passes.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Subject is an empty storage under test.
type Subject struct {
	imaging.Storage
	// Site answers for storage URLs that begin with a slash.
	Site string
	// Private says that it is private storage; its files have no URL where Site is "-".
	Private bool
}

// NoURLs is the Site of a storage whose files have no URL.
const NoURLs = "-"

// Run runs the suite; each test gets a storage of its own.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"a stored file is there until it is deleted":     lifeOfAFile,
		"a key may hold any character":                   oddKeys,
		"an empty file is a file":                        emptyFile,
		"a missing file":                                 missingFile,
		"what is not a file's key":                       notAKey,
		"list in bytewise order, from anywhere":          listOrder,
		"list ends with the first error":                 listEnds,
		"list goes past one page of the server":          listLong,
		"many at once":                                   concurrently,
		"a context that has ended":                       cancelled,
		"URLs are appended, and fit for JSON":            appendedURLs,
		"a probe's file is missing, whole and clean":     probed,
		"deleting one label leaves the capture's others": siblings,
		"nobody gets a private file without a signature": unsigned,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

const key = "thumbnails/capture_1/small_00000000000000ab.jpg"

func put(t *testing.T, s Subject, key, text string) {
	t.Helper()
	if err := s.Put(t.Context(), key, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s Subject, key string) string {
	t.Helper()
	body, size, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if size != int64(len(text)) {
		t.Errorf("%q: size %d, want %d", key, size, len(text))
	}
	return string(text)
}

// fetch gets a file from its storage URL, as a browser would.
func fetch(t *testing.T, s Subject, key string) (status int, text string) {
	t.Helper()
	urls := s.StorageURLs()
	url := urls.Of(key)
	if s.Site == NoURLs {
		return withoutURL(t, s, key, url)
	}
	if url[0] == '/' {
		url = s.Site + url
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func expectMissing(t *testing.T, s Subject, key string) {
	t.Helper()
	if there, err := s.Exists(t.Context(), key); there || err != nil {
		t.Errorf("%q: exists: %t, %v; want false", key, there, err)
	}
	if _, _, err := s.Open(t.Context(), key); !errors.Is(err, thumb.ErrFileMissing) {
		t.Errorf("%q: opening: %v, want ErrFileMissing", key, err)
	}
}

func lifeOfAFile(t *testing.T, s Subject) {
	expectMissing(t, s, key)
	before := time.Now()
	put(t, s, key, "picture")
	if text := read(t, s, key); text != "picture" {
		t.Errorf("opened: %q", text)
	}
	if there, err := s.Exists(t.Context(), key); !there || err != nil {
		t.Errorf("exists: %t, %v; want true", there, err)
	}
	if status, text := fetch(t, s, key); status != http.StatusOK || text != "picture" {
		t.Errorf("fetched: %d %q", status, text)
	}
	err := s.List(t.Context(), "", "", func(f imaging.File) error {
		if f.Key != key || f.Size != 7 || f.Modified.Sub(before).Abs() > time.Minute {
			t.Errorf("listed: %+v", f)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), key); err != nil {
		t.Error(err)
	}
	expectMissing(t, s, key)
	if keys := list(t, s, "", ""); len(keys) > 0 {
		t.Errorf("deleted, and still listed: %q", keys)
	}
	if status, _ := fetch(t, s, key); status != http.StatusNotFound {
		t.Errorf("deleted, and fetched with status %d", status)
	}
}

func oddKeys(t *testing.T, s Subject) {
	keys := []string{
		"a b+c%2F.jpg", "a&b=c?d#e.jpg", "quote\"back\\slash'.jpg", "<tag>;,:@!$*()[]{}|^`~.jpg", "Schmetterling ä 蛾.jpg", "..jpg", ".hidden/x..y.jpg",
	}
	for _, key := range keys {
		put(t, s, "odd/"+key, key)
	}
	for _, key := range keys {
		if text := read(t, s, "odd/"+key); text != key {
			t.Errorf("%q holds %q", key, text)
		}
		if status, text := fetch(t, s, "odd/"+key); status != http.StatusOK || text != key {
			t.Errorf("%q: fetched: %d %q", key, status, text)
		}
	}
	if got := list(t, s, "odd/", ""); len(got) != len(keys) {
		t.Errorf("listed %q, want %d", got, len(keys))
	}
	for _, key := range keys {
		if err := s.Delete(t.Context(), "odd/"+key); err != nil {
			t.Error(err)
		}
		expectMissing(t, s, "odd/"+key)
	}
}

func emptyFile(t *testing.T, s Subject) {
	put(t, s, key, "")
	if there, err := s.Exists(t.Context(), key); !there || err != nil {
		t.Errorf("exists: %t, %v; want true", there, err)
	}
	if text := read(t, s, key); text != "" {
		t.Errorf("it holds %q", text)
	}
}

func missingFile(t *testing.T, s Subject) {
	put(t, s, key, "picture")
	for _, key := range []string{key + "x", key[:len(key)-1], "thumbnails/capture_1", "thumbnails", "capture_1/x", key + "/x"} {
		expectMissing(t, s, key)
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("deleting %q, which is not there: %v", key, err)
		}
	}
	if text := read(t, s, key); text != "picture" {
		t.Errorf("the other file now holds %q", text)
	}
}

func notAKey(t *testing.T, s Subject) {
	for _, key := range []string{"", "thumbnails/"} {
		if err := s.Put(t.Context(), key, []byte("x")); err == nil {
			t.Errorf("%q can be stored", key)
		}
		expectMissing(t, s, key)
	}
}

func concurrently(t *testing.T, s Subject) {
	group, ctx := errgroup.WithContext(t.Context())
	for id := range thumb.ID(32) {
		group.Go(func() error {
			key := string(thumb.Keys("thumbnails/").Append(nil, id%4+1, "small", uint64(id)))
			picture := bytes.Repeat([]byte{byte(id)}, 5000)
			if err := s.Put(ctx, key, picture); err != nil {
				return err
			}
			body, _, err := s.Open(ctx, key)
			if err != nil {
				return err
			}
			defer body.Close()
			if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, picture) {
				t.Errorf("%q holds another picture, or none: %v", key, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if keys := list(t, s, "", ""); len(keys) != 32 {
		t.Errorf("%d files, want 32", len(keys))
	}
}

func cancelled(t *testing.T, s Subject) {
	put(t, s, "there.jpg", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, openErr := s.Open(ctx, "there.jpg")
	_, existsErr := s.Exists(ctx, "there.jpg")
	for what, err := range map[string]error{
		"put": s.Put(ctx, key, []byte("x")), "open": openErr, "exists": existsErr, "delete": s.Delete(ctx, "there.jpg"),
		"list": s.List(ctx, "", "", func(imaging.File) error { return nil }),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", what, err)
		}
	}
	if diff := cmp.Diff([]string{"there.jpg"}, list(t, s, "", "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func appendedURLs(t *testing.T, s Subject) {
	if s.Site == NoURLs {
		withoutURL(t, s, key, "")
		return
	}
	urls, key := s.StorageURLs(), "a \"b\"\\\n<&>é.jpg"
	known := thumb.Known{Paths: &[thumb.MaxSpecs]string{key}}
	for _, url := range []string{urls.Of(key), strings.TrimPrefix(string(urls.Append([]byte("before "), 7, &known, "small", 0)), "before ")} {
		if path, _, _ := strings.Cut(url, "?"); path != urls.Base+"a%20%22b%22%5C%0A%3C%26%3E%C3%A9.jpg" {
			t.Errorf("URL %q", url)
		}
	}
}

// probed: what cannot exist is missing, which a server that says 200 to everything gets
// wrong, before and after something is stored.
func probed(t *testing.T, s Subject) {
	const never = "thumbnails/capture_0/probe.jpg"
	expectMissing(t, s, never)
	put(t, s, key, "picture")
	expectMissing(t, s, never)
}

func siblings(t *testing.T, s Subject) {
	other := strings.Replace(key, "small", "medium", 1)
	put(t, s, key, "small")
	put(t, s, other, "medium")
	if err := s.Delete(t.Context(), key); err != nil {
		t.Error(err)
	}
	expectMissing(t, s, key)
	if text := read(t, s, other); text != "medium" {
		t.Errorf("the other label holds %q", text)
	}
}
