package config_test

import (
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/machine"
)

// Whatever is wrong with a key, no message shows a secret, though it must show enough to
// find the mistake.
func TestProblemsShowNoSecret(t *testing.T) {
	t.Parallel()
	getenv := func(string) (string, bool) { return "hunter2!", true }
	for name, document := range map[string]string{
		"the app's password":              `upstream.url = "http://app:hunter2!@127.0.0.1:8000"`,
		"the app's password, broken":      `upstream.url = "http://app:hunter2!@127.0.0.1:80:80/%"`,
		"a password with odd characters":  `upstream.url = "http://app:hunter2!/@?\"x@127.0.0.1:8000"`,
		"the app's password as a list":    `upstream.url = ["http://app:hunter2!@127.0.0.1:8000"]`,
		"from the environment":            `upstream.url = "http://app:${PASSWORD}@127.0.0.1:8000"`,
		"the environment's, alone":        `log.level = "${PASSWORD}"`,
		"the environment's in a size":     `cache.max_size = "${PASSWORD}"`,
		"the environment's in a duration": `cache.ttl = "${PASSWORD}"`,
		"the environment's as presign":    `storage.presign = "${PASSWORD}"`,
		"the environment's in a list":     `rewrite.prefetch = ["${PASSWORD}"]`,
		"where a flag should be":          `server.compress = "http://app:hunter2!@127.0.0.1"`,
		"a signing key that is short":     "[signing]\nkeys = [\"hunter2!\"]",
		"a token that is no string":       `server.admin_token = ["hunter2!"]`,
		"a database's password":           `database.url = "postgres://antenna:hunter2!@[::1/antenna"`,
		"a database's password as a DSN":  `database.listen_url = "host=db password=hunter2! port=x"`,
		"a storage's address":             "[storage]\ndriver = \"s3\"\nendpoint = \"http://key:hunter2!@s3\"",
		"an origin":                       `server.cors_origins = ["https://a:hunter2!@b/c"]`,
		"the site's address":              `server.public_url = "https://a:hunter2!@b/c"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Parse("f", []byte(document), getenv)
			if err == nil {
				t.Fatal("nothing is wrong")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("shown:\n%v", err)
			}
			key, _, _ := strings.Cut(document[strings.LastIndex(document, "\n")+1:], " ")
			if !strings.Contains(err.Error(), key+": ") {
				t.Errorf("%s is not judged:\n%v", key, err)
			}
		})
	}
	_, err := config.Parse("f", []byte(`upstream.url = "http://app:hunter2!@127.0.0.1:8000"`), getenv)
	if want := `f:1: upstream.url: "http://app:(hidden)@127.0.0.1:8000" must be`; !strings.Contains(err.Error(), want) {
		t.Errorf("%q is not in\n%v", want, err)
	}
}

// More than there is of memory is refused, with the line.
func TestWarmSetFitsTheMachine(t *testing.T) {
	t.Parallel()
	cgroup := machine.Memory{Bytes: 1 << 30, Whose: "this process's cgroup"}
	for size, want := range map[string]string{
		"1GiB":   "",
		"256GiB": "f:10: cache.max_size: 256 GiB is more than the 1.0 GiB of memory that this process's cgroup has",
	} {
		document := "[cache]\nmax_size = \"" + size + "\"\n[[thumbnails]]\nlabel = \"a\"\nwidth = 9\n" + rest
		document = strings.Repeat("#\n", 8) + document
		_, err := config.ParseOn("f", []byte(document), environment, cgroup)
		if got := ""; want != "" {
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s: %q, want %q", size, got, want)
			}
		} else if err != nil {
			t.Errorf("%s: %v", size, err)
		}
		if _, err := config.Parse("f", []byte(document), environment); err != nil {
			t.Errorf("%s, on no machine in particular: %v", size, err)
		}
	}
}
