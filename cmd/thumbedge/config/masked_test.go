package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// No secret of any key, however it is written, is among what is shown.
func TestMaskedShowsNoSecret(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*config.File){
		"token":                     func(f *config.File) { f.Server.Admin.Token = "hunter2" },
		"secret key":                func(f *config.File) { f.Storage.SecretKey = "hunter2" },
		"password in a URL":         func(f *config.File) { f.Database.URL = "postgres://antenna:hunter2@db/antenna" },
		"password as a parameter":   func(f *config.File) { f.Database.URL = "postgres://db/antenna?password=hunter2&sslmode=require" },
		"password in a DSN":         func(f *config.File) { f.Database.ListenURL = "host=db user=antenna password=hunter2" },
		"password without a server": func(f *config.File) { f.Database.URL = "postgres:antenna:hunter2" },
		"password in a broken URL":  func(f *config.File) { f.Upstream.URL = "http://app:hunter2@app:80:80/%" },
		"the app's password":        func(f *config.File) { f.Upstream.URL = "http://app:hunter2@app:8000" },
		"a token before a host":     func(f *config.File) { f.Storage.Endpoint = "https://hunter2@s3.example.org" },
		"in a list":                 func(f *config.File) { f.Server.CORSOrigins = []string{"https://a:hunter2@b"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := config.Defaults()
			edit(file)
			hidden := false
			for _, setting := range file.Masked() {
				if strings.Contains(setting.Value, "hunter2") {
					t.Errorf("%s shows %q", setting.Key, setting.Value)
				}
				hidden = hidden || strings.Contains(setting.Value, "hidden")
			}
			if !hidden {
				t.Error("nothing says that a secret is set")
			}
		})
	}
}

// What is not secret is shown as it is in force, defaults included.
func TestMaskedShowsTheValueInForce(t *testing.T) {
	t.Parallel()
	file, err := config.Parse("example", readExample(t), environment)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, setting := range file.Masked() {
		shown[setting.Key] = setting.Value
	}
	want := map[string]string{
		"server.admin_token": "", "server.trusted_proxies": "127.0.0.0/8, ::1/128", "upstream.url": "http://127.0.0.1:8000",
		"database.url": "postgres://antenna:(hidden)@127.0.0.1:5432/antenna", "cache.max_size": "64MiB", "cache.ttl": "1h0m0s",
		"thumbnails[0].fallback_original": "true", "thumbnails[1].fallback_original": "false", "database.tables.capture": "main_sourceimage",
		"render.queue": "256", "storage.serve": "true",
	}
	for key := range shown {
		if _, ok := want[key]; !ok {
			delete(shown, key)
		}
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}
