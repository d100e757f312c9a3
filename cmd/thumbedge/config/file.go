// Package config reads thumbedge's configuration file: TOML, one file, strict.
// An unknown key, a wrong type, an unset environment variable or an impossible
// value is a problem with the key's name and line, and all problems are reported
// at once (Parse), before anything starts.
//
// A key is declared once, in the Config of the package that it is for, under its name
// in the file (field says how); its default stands in that package's Defaults, its
// rule in that package's Validate. File only puts those Configs into the file's
// tables. Declared here are the keys that no package but cmd knows.
package config

import (
	"log/slog"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/tracing"
	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/proxy"
	"github.com/thumbedge/thumbedge/proxy/responses"
	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// File is a configuration file. config.example.toml says what each key is for. The
// fields without a tag of the Configs in it are set by wiring alone (wiring.go).
type File struct {
	Server     Server               `toml:"server"`
	Upstream   wire.UpstreamConfig  `toml:"upstream"`
	Rewrite    proxy.RewriteConfig  `toml:"rewrite"`
	Thumbnails thumb.Specs          `toml:"thumbnails,reload"`
	Render     imaging.RenderConfig `toml:"render,reload"`
	Source     source.Config        `toml:"source"`
	Database   postgres.Config      `toml:"database"`
	Storage    Storage              `toml:"storage"`
	Cache      resolver.Config      `toml:"cache,reload"`
	Responses  responses.Config     `toml:"responses"`
	Headers    wire.HeadersConfig   `toml:"headers,reload"`
	Limits     proxy.LimitsConfig   `toml:"limits,reload"`
	Signing    signing.Config       `toml:"signing,reload"`
	Reconcile  reconcile.Config     `toml:"reconcile,reload"`
	Tracing    tracing.Config       `toml:"tracing"`
	Log        Log                  `toml:"log"`
}

// Server is [server]: the proxy's listener, and the admin one.
type Server struct {
	Listen string `toml:"listen"`
	Admin
	wire.ServerConfig
}

// The names by which Server and Storage hold what other packages call Config.
type (
	Admin      = admin.Config
	S3         = s3.Config
	Filesystem = filesystem.Config
)

// Storage is [storage]: where thumbnails lie. Which of the drivers' keys count, Driver
// says.
type Storage struct {
	Driver string     `toml:"driver"` // DriverS3 or DriverFilesystem
	Prefix thumb.Keys `toml:"prefix"`
	imaging.ReplacedConfig
	S3
	Filesystem
	// Serve lets the proxy serve the files of DriverFilesystem itself.
	Serve   bool    `toml:"serve"`
	Private Private `toml:"private"`
}

// The storage drivers.
const (
	DriverS3         = "s3"
	DriverFilesystem = "filesystem"
)

// Log is [log].
type Log struct {
	Level  string `toml:"level,reload"`
	Format string `toml:"format"`
	Access bool   `toml:"access,reload"` // a line for each request
}

// SlogLevel is Level as the log's library has it.
func (l Log) SlogLevel() (level slog.Level) {
	_ = level.UnmarshalText([]byte(l.Level)) // validated
	return level
}

// Defaults returns what an empty file stands for. Labels, upstream.url,
// database.url and the storage have no default: the file must say them.
func Defaults() *File {
	proxyDefaults, imagingDefaults := proxy.Defaults(), imaging.Defaults()
	return &File{
		Server:   Server{Listen: "127.0.0.1:8080", Admin: admin.Defaults(), ServerConfig: proxyDefaults.Server},
		Upstream: proxyDefaults.Upstream,
		Rewrite:  proxyDefaults.Rewrite,
		Render:   imagingDefaults.Render,
		Source:   imagingDefaults.Source,
		Database: postgres.Defaults(),
		Storage: Storage{
			Prefix:         imagingDefaults.Keys,
			ReplacedConfig: imagingDefaults.ReplacedConfig,
			S3:             s3.Defaults(),
			Filesystem:     filesystem.Defaults(),
			Serve:          true,
			Private:        privateDefaults(),
		},
		Cache:     resolver.Defaults(),
		Responses: responses.Defaults(),
		Signing:   signing.Defaults(),
		Reconcile: reconcile.Defaults(),
		Tracing:   tracing.Defaults(),
		Log:       Log{Level: "info", Format: "text", Access: true},
	}
}
