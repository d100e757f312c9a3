package config

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The storage drivers.
const (
	DriverS3         = "s3"
	DriverFilesystem = "filesystem"
)

// Validate reports every impossible value, joined.
func (f *File) Validate() error {
	var found problems
	for _, err := range f.validations() {
		found.validation(err)
	}
	return found.join("configuration", nil)
}

// validations returns what each package says of its part of the file.
func (f *File) validations() []error {
	proxyConfig, resolverConfig, postgresConfig, imagingConfig := f.Proxy(), f.Resolver(), f.Postgres(), f.Imaging()
	errs := []error{
		f.validateOwn(),
		proxyConfig.Validate(),
		resolverConfig.Validate(),
		postgresConfig.Validate(),
		imagingConfig.Validate(),
	}
	switch f.Storage.Driver {
	case DriverS3:
		return append(errs, f.S3().Validate())
	case DriverFilesystem:
		return append(errs, f.Filesystem().Validate())
	}
	return append(errs, fmt.Errorf(`storage.driver: must be "s3" or "filesystem", not %q`, f.Storage.Driver))
}

// validateOwn judges the keys that no package but cmd uses.
func (f *File) validateOwn() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, address := range []struct{ key, value string }{{"listen", f.Server.Listen}, {"admin_listen", f.Server.AdminListen}} {
		_, port, err := net.SplitHostPort(address.value)
		check(err == nil && port != "", `server.%s: must be host:port, such as "127.0.0.1:8080", not %q`, address.key, address.value)
	}
	if host, _, err := net.SplitHostPort(f.Server.AdminListen); err == nil {
		check(f.Server.AdminToken != "" || loopback(host),
			"server.admin_token: is needed, since admin_listen %q is not on loopback", f.Server.AdminListen)
	}
	check(f.Database.Schema == "antenna", `database.schema: must be "antenna", not %q`, f.Database.Schema)
	check(f.Reconcile.Rate > 0, "reconcile.rate: must be above 0")
	check(oneOf(f.Log.Level, "debug", "info", "warn", "error"), `log.level: must be "debug", "info", "warn" or "error", not %q`, f.Log.Level)
	check(oneOf(f.Log.Format, "text", "json"), `log.format: must be "text" or "json", not %q`, f.Log.Format)
	if f.Storage.Driver == DriverS3 {
		_, err := f.presign()
		check(err == nil, `storage.presign: must be "" or a duration such as "1h", not %q`, f.Storage.Presign)
	}
	return errors.Join(errs...)
}

// Proxy returns what the proxy needs to know.
func (f *File) Proxy() proxy.Config {
	cfg := proxy.Config{
		Server: proxy.ServerConfig{
			PublicURL: f.Server.PublicURL, TrustedProxies: f.Server.TrustedProxies, CORSOrigins: f.Server.CORSOrigins,
			Compress: f.Server.Compress, DebugHeaders: f.Server.DebugHeaders,
			HeaderTimeout: time.Duration(f.Server.HeaderTimeout), IdleTimeout: time.Duration(f.Server.IdleTimeout),
			MaxConns: f.Server.MaxConns, MaxHeader: int(f.Server.MaxHeader), MaxRequestBody: int64(f.Server.MaxRequestBody),
			ShutdownGrace: time.Duration(f.Server.ShutdownGrace),
		},
		Upstream: proxy.UpstreamConfig{
			URL: f.Upstream.URL, PreserveHost: f.Upstream.PreserveHost,
			ConnectTimeout: time.Duration(f.Upstream.ConnectTimeout), ResponseTimeout: time.Duration(f.Upstream.ResponseTimeout),
			IdleTimeout: time.Duration(f.Upstream.IdleTimeout), MaxConns: f.Upstream.MaxConns, MaxFallbacks: f.Upstream.MaxFallbacks,
		},
		Rewrite: proxy.RewriteConfig{
			Paths: f.Rewrite.Paths, Route: f.Rewrite.Route, Field: f.Rewrite.Field, Hosts: f.Rewrite.Hosts,
			MaxBody: int64(f.Rewrite.MaxBody), Memory: int64(f.Rewrite.Memory), Prefetch: f.Rewrite.Prefetch,
		},
		Specs: f.Specs(),
	}
	if f.Storage.Driver == DriverFilesystem && f.Storage.Serve {
		cfg.FilesPath, cfg.FilesKey = f.Storage.URLPath+f.Storage.Prefix, f.Storage.Prefix
	}
	return cfg
}

// Resolver returns what the warm set needs to know.
func (f *File) Resolver() resolver.Config {
	return resolver.Config{
		MaxSize: int64(f.Cache.MaxSize), TTL: time.Duration(f.Cache.TTL), TTLUnlistened: time.Duration(f.Cache.TTLUnlistened),
		PageTimeout: time.Duration(f.Database.PageTimeout), Specs: f.Specs(), Keys: thumb.Keys(f.Storage.Prefix),
	}
}

// Postgres returns what the database's package needs to know.
func (f *File) Postgres() postgres.Config {
	return postgres.Config{
		URL: f.Database.URL, ListenURL: f.Database.ListenURL, Pooler: f.Database.Pooler,
		PageTimeout: time.Duration(f.Database.PageTimeout), MaxConns: f.Database.MaxConns,
		Tables: postgres.Tables(f.Database.Tables), Keys: thumb.Keys(f.Storage.Prefix),
	}
}

// Migrations returns the names of the app's tables as the migrations need them.
func (f *File) Migrations() migrations.Names { return migrations.Names(f.Database.Tables) }

// Imaging returns what the cold path needs to know.
func (f *File) Imaging() imaging.Config {
	return imaging.Config{
		Specs: f.Specs(), Keys: thumb.Keys(f.Storage.Prefix), DeleteAfter: time.Duration(f.Storage.DeleteAfter),
		Render: imaging.RenderConfig{
			Workers: f.Render.Workers, Memory: int64(f.Render.Memory), Queue: f.Render.Queue,
			MaxWait: time.Duration(f.Render.MaxWait), Quality: f.Render.Quality,
		},
		Source: source.Config{
			ConnectTimeout: time.Duration(f.Source.ConnectTimeout), ReadTimeout: time.Duration(f.Source.ReadTimeout),
			MaxBytes: int64(f.Source.MaxBytes), MaxPixels: f.Source.MaxPixels, MaxRedirects: f.Source.MaxRedirects,
			RetryAfter: time.Duration(f.Source.RetryAfter), AllowHosts: f.Source.AllowHosts,
			AllowPrivateNetworks: f.Source.AllowPrivateNetworks, UpstreamURL: f.Upstream.URL, PublicURL: f.Server.PublicURL,
		},
	}
}

// S3 returns what the S3 driver needs to know.
func (f *File) S3() s3.Config {
	presign, _ := f.presign() // validateOwn has said so where it is wrong
	return s3.Config{
		Timeout: s3.Defaults().Timeout,
		Bucket:  f.Storage.Bucket, Region: f.Storage.Region, Endpoint: f.Storage.Endpoint,
		AccessKey: f.Storage.AccessKey, SecretKey: f.Storage.SecretKey, Location: f.Storage.Location,
		PathStyle: f.Storage.PathStyle, ACL: f.Storage.ACL, PublicBaseURL: f.Storage.PublicBaseURL, Presign: presign,
	}
}

// Filesystem returns what the file system driver needs to know.
func (f *File) Filesystem() filesystem.Config {
	return filesystem.Config{Root: f.Storage.Root, URLPath: f.Storage.URLPath}
}

func (f *File) presign() (time.Duration, error) {
	if f.Storage.Presign == "" {
		return 0, nil
	}
	var d Duration
	err := d.UnmarshalText([]byte(f.Storage.Presign))
	return time.Duration(d), err
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func oneOf(value string, allowed ...string) bool {
	for _, a := range allowed {
		if value == a {
			return true
		}
	}
	return false
}
