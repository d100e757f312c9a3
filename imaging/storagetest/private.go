package storagetest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// withoutURL is fetch for a storage whose files have no URL: it opens them.
func withoutURL(t *testing.T, s Subject, key, url string) (status int, text string) {
	t.Helper()
	if urls := s.StorageURLs(); url != "" || urls.Of(key) != "" || !urls.Expires.IsZero() {
		t.Errorf("%q has the URL %q, %q", key, url, urls.Of(key))
	}
	body, _, err := s.Open(t.Context(), key)
	if errors.Is(err, thumb.ErrFileMissing) {
		return http.StatusNotFound, ""
	} else if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	read, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return http.StatusOK, string(read)
}

// unsigned: of a private storage, only the whole URL gives the file, for a time that ends,
// and whoever gets it keeps it to himself.
func unsigned(t *testing.T, s Subject) {
	put(t, s, key, "picture")
	if !s.Private || s.Site == NoURLs {
		fetch(t, s, key)
		return
	}
	urls := s.StorageURLs()
	url := urls.Of(key)
	if left := time.Until(urls.Expires); left < time.Minute || left > time.Hour {
		t.Errorf("the URL works for another %v", left)
	}
	if again := s.StorageURLs(); again.Of(key) != url {
		t.Errorf("the URL is %s, then %s", url, again.Of(key))
	}
	bare, query, _ := strings.Cut(url, "?")
	_, other, _ := strings.Cut(urls.Of("thumbnails/capture_2/small_00000000000000ab.jpg"), "?")
	for what, address := range map[string]string{
		"no signature": bare, "no query but a mark": bare + "?", "a signature cut short": url[:len(url)-1],
		"another file's signature": bare + "?" + other,
		"a longer life":            bare + "?" + strings.Replace(query, "X-Amz-Expires=", "X-Amz-Expires=9", 1),
		"the whole URL":            url,
	} {
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if whole := what == "the whole URL"; whole != (string(body) == "picture") || whole != (resp.StatusCode == http.StatusOK) {
			t.Errorf("%s: %d %q", what, resp.StatusCode, body)
		} else if policy := resp.Header.Get("Cache-Control"); whole && (!strings.Contains(policy, "private") || strings.Contains(policy, "public")) {
			t.Errorf("it comes with Cache-Control %q", policy)
		}
	}
}
