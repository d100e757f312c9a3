package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// A private folder is no part of the public one, nor the other way round.
func TestPrivateRootLiesApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		public, private string
		apart           bool
	}{
		{"/srv/media", "/srv/drafts", true},
		{"/srv/media", "/srv/media-drafts", true},
		{"/srv/media", "/srv/..media", true},
		{"/srv/media", "/srv/media", false},
		{"/srv/media", "/srv/media/", false},
		{"/srv/media", "/srv/media/drafts", false},
		{"/srv/media/", "/srv/x/../media/drafts", false},
		{"/srv/media", "/srv", false},
		{"/srv/media", "/", false},
	} {
		document := fmt.Sprintf("[upstream]\nurl = 'http://127.0.0.1:1'\n[[thumbnails]]\nlabel = 'small'\nwidth = 240\n[database]\nurl = 'postgres://127.0.0.1/a'\n"+
			"[storage]\ndriver = 'filesystem'\nroot = '%s'\n[storage.private]\ndriver = 'filesystem'\nroot = '%s'\n", c.public, c.private)
		_, err := config.Parse("x.toml", []byte(document), environment)
		if c.apart != (err == nil) || err != nil && !strings.Contains(err.Error(), "storage.private.root: ") {
			t.Errorf("%s beside %s: %v", c.private, c.public, err)
		}
	}
}
