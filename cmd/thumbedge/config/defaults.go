package config

import (
	"time"

	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// Defaults returns what an empty file stands for. Labels, upstream.url,
// database.url and the storage have no default: the file must say them.
func Defaults() *File {
	return &File{
		Server: Server{
			Listen:         "127.0.0.1:8080",
			AdminListen:    "127.0.0.1:9090",
			TrustedProxies: []string{"127.0.0.0/8", "::1/128"},
			CORSOrigins:    []string{},
			HeaderTimeout:  seconds(10),
			IdleTimeout:    seconds(75),
			MaxConns:       16384,
			MaxHeader:      32 << 10,
			ShutdownGrace:  seconds(15),
		},
		Upstream: Upstream{
			PreserveHost:    true,
			ConnectTimeout:  seconds(5),
			ResponseTimeout: seconds(20 * 60),
			IdleTimeout:     Duration(800 * time.Millisecond),
			MaxConns:        512,
			MaxFallbacks:    4,
		},
		Rewrite: Rewrite{
			Paths:    []string{"/api/v2/captures/", "/api/v2/events/"},
			Route:    "/api/v2/captures/thumbnails/",
			Field:    "thumbnails",
			Hosts:    []string{},
			MaxBody:  16 << 20,
			Memory:   256 << 20,
			Prefetch: []string{},
		},
		Render: Render{Memory: 512 << 20, Queue: 256, MaxWait: seconds(10), Quality: 82},
		Source: Source{
			ConnectTimeout: seconds(5),
			ReadTimeout:    seconds(30),
			MaxBytes:       64 << 20,
			MaxPixels:      100_000_000,
			MaxRedirects:   3,
			RetryAfter:     seconds(30),
			AllowHosts:     []string{},
		},
		Database: Database{
			Schema:      "antenna",
			PageTimeout: Duration(250 * time.Millisecond),
			MaxConns:    16,
			Tables:      Tables(postgres.Antenna),
		},
		Storage: Storage{
			Prefix:      "thumbnails/",
			DeleteAfter: seconds(24 * 3600),
			Location:    "uploads/",
			URLPath:     "/media/",
			Serve:       true,
		},
		Cache:     Cache{MaxSize: 64 << 20, TTL: seconds(3600), TTLUnlistened: seconds(5)},
		Reconcile: Reconcile{Rate: 200, Grace: seconds(24 * 3600)},
		Log:       Log{Level: "info", Format: "text", Access: true},
	}
}

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }
