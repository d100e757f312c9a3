package config

import (
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/proxy/wire/upstream"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What follows hands each package its Config. A key that two packages need is
// declared in one of them; the other gets its value here.

// Proxy returns what the proxy needs to know.
func (f *File) Proxy() proxy.Config {
	cfg := proxy.Config{Server: f.Server.ServerConfig, Upstream: f.Upstream, Rewrite: f.Rewrite, Specs: f.Thumbnails, Responses: f.Responses, Headers: f.Headers, Limits: f.Limits, AccessLog: f.Log.Access,
		FallbackQueue: f.Render.Queue, FallbackWait: f.Render.MaxWait}
	if f.Storage.Driver == DriverFilesystem && f.Storage.Serve {
		cfg.FilesPath, cfg.FilesKey = f.Storage.URLPath+string(f.Storage.Prefix), string(f.Storage.Prefix)
	}
	return cfg
}

// Resolver returns what the warm set needs to know.
func (f *File) Resolver() resolver.Config {
	cfg := f.Cache
	cfg.PageTimeout, cfg.Specs, cfg.Keys = f.Database.PageTimeout, f.Thumbnails, f.Storage.Prefix
	cfg.PrivateKeys = f.privateKeys()
	return cfg
}

// Postgres returns what the database's package needs to know.
func (f *File) Postgres() postgres.Config {
	cfg := f.Database
	cfg.Keys, cfg.PrivateKeys = f.Storage.Prefix, f.privateKeys()
	return cfg
}

// privateKeys returns storage.private.prefix; "" where there is no private storage.
func (f *File) privateKeys() thumb.Keys {
	if !f.PrivateStorage() {
		return ""
	}
	return f.Storage.Private.Prefix
}

// PrivateStorage says whether there is private storage.
func (f *File) PrivateStorage() bool { return f.Storage.Private.Configured() }

// Migrations returns the names of the app's tables as the migrations need them.
func (f *File) Migrations() migrations.Names { return migrations.Names(f.Database.Tables) }

// Imaging returns what the cold path needs to know.
func (f *File) Imaging() imaging.Config {
	cfg := imaging.Config{
		Specs: f.Thumbnails, Keys: f.Storage.Prefix, Render: f.Render, Source: f.Source, ReplacedConfig: f.Storage.ReplacedConfig,
		PrivateKeys: f.privateKeys(), SweepRate: f.Reconcile.Rate,
	}
	cfg.Source.UpstreamURL, cfg.Source.PublicURL = f.Upstream.URL, f.Server.PublicURL
	if app, err := upstream.Parse(f.Upstream.Place()); err == nil {
		cfg.Source.UpstreamURL = app.Base()
	}
	return cfg
}
