// Package config reads thumbedge's configuration file: TOML, one file, strict.
// An unknown key, a wrong type, an unset environment variable or an impossible
// value is a problem with the key's name and line, and all problems are reported
// at once (Parse), before anything starts.
//
// File mirrors the file; Defaults is what an empty one stands for. What each part
// needs of it is handed over in that part's own Config (parts.go), which also
// validates it: a key's rules live with the package that the key is for.
package config

import "github.com/thumbedge/thumbedge/resolver/thumb"

// File is a configuration file. config.example.toml says what each key is for.
type File struct {
	Server     Server      `toml:"server"`
	Upstream   Upstream    `toml:"upstream"`
	Rewrite    Rewrite     `toml:"rewrite"`
	Thumbnails []Thumbnail `toml:"thumbnails"`
	Render     Render      `toml:"render"`
	Source     Source      `toml:"source"`
	Database   Database    `toml:"database"`
	Storage    Storage     `toml:"storage"`
	Cache      Cache       `toml:"cache"`
	Reconcile  Reconcile   `toml:"reconcile"`
	Log        Log         `toml:"log"`
}

// Server is [server]: the proxy's own listeners.
type Server struct {
	Listen         string   `toml:"listen"`
	AdminListen    string   `toml:"admin_listen"`
	AdminToken     string   `toml:"admin_token" secret:"true"`
	PublicURL      string   `toml:"public_url"`
	TrustedProxies []string `toml:"trusted_proxies"`
	CORSOrigins    []string `toml:"cors_origins"`
	Compress       bool     `toml:"compress"`
	DebugHeaders   bool     `toml:"debug_headers"`
	HeaderTimeout  Duration `toml:"header_timeout"`
	IdleTimeout    Duration `toml:"idle_timeout"`
	MaxConns       int      `toml:"max_conns"`
	MaxHeader      Size     `toml:"max_header"`
	MaxRequestBody Size     `toml:"max_request_body"`
	ShutdownGrace  Duration `toml:"shutdown_grace"`
}

// Upstream is [upstream]: the app.
type Upstream struct {
	URL             string   `toml:"url"`
	PreserveHost    bool     `toml:"preserve_host"`
	ConnectTimeout  Duration `toml:"connect_timeout"`
	ResponseTimeout Duration `toml:"response_timeout"`
	IdleTimeout     Duration `toml:"idle_timeout"`
	MaxConns        int      `toml:"max_conns"`
	MaxFallbacks    int      `toml:"max_fallbacks"`
}

// Rewrite is [rewrite]: which responses are pages, and what in them is a route URL.
type Rewrite struct {
	Paths    []string `toml:"paths"`
	Route    string   `toml:"route"`
	Field    string   `toml:"field"`
	Hosts    []string `toml:"hosts"`
	MaxBody  Size     `toml:"max_body"`
	Memory   Size     `toml:"memory"`
	Prefetch []string `toml:"prefetch"`
}

// Thumbnail is one [[thumbnails]]: a label and its size. FallbackOriginal is nil
// where the file does not say; it is then true for the smallest label only.
type Thumbnail struct {
	Label            string `toml:"label"`
	Width            int    `toml:"width"`
	Height           int    `toml:"height"`
	FallbackOriginal *bool  `toml:"fallback_original"`
}

// Render is [render]: the limits of the one renderer.
type Render struct {
	Workers int      `toml:"workers"`
	Memory  Size     `toml:"memory"`
	Queue   int      `toml:"queue"`
	MaxWait Duration `toml:"max_wait"`
	Quality int      `toml:"quality"`
}

// Source is [source]: how originals are fetched.
type Source struct {
	ConnectTimeout       Duration `toml:"connect_timeout"`
	ReadTimeout          Duration `toml:"read_timeout"`
	MaxBytes             Size     `toml:"max_bytes"`
	MaxPixels            int64    `toml:"max_pixels"`
	MaxRedirects         int      `toml:"max_redirects"`
	RetryAfter           Duration `toml:"retry_after"`
	AllowHosts           []string `toml:"allow_hosts"`
	AllowPrivateNetworks bool     `toml:"allow_private_networks"`
}

// Database is [database].
type Database struct {
	URL         string   `toml:"url" secret:"true"`
	ListenURL   string   `toml:"listen_url" secret:"true"`
	Pooler      bool     `toml:"pooler"`
	Schema      string   `toml:"schema"`
	PageTimeout Duration `toml:"page_timeout"`
	MaxConns    int      `toml:"max_conns"`
	Tables      Tables   `toml:"tables"`
}

// Tables is [database.tables]: names that differ from the schema's.
type Tables struct {
	Capture    string `toml:"capture"`
	Project    string `toml:"project"`
	Deployment string `toml:"deployment"`
	DataSource string `toml:"data_source"`
	Thumbnail  string `toml:"thumbnail"`
}

// Storage is [storage]: where thumbnails lie. Which keys count is the driver's
// matter.
type Storage struct {
	Driver      string   `toml:"driver"`
	Prefix      string   `toml:"prefix"`
	DeleteAfter Duration `toml:"delete_after"`
	// driver = "s3"
	Bucket        string `toml:"bucket"`
	Region        string `toml:"region"`
	Endpoint      string `toml:"endpoint"`
	AccessKey     string `toml:"access_key"`
	SecretKey     string `toml:"secret_key" secret:"true"`
	Location      string `toml:"location"`
	PathStyle     bool   `toml:"path_style"`
	ACL           string `toml:"acl"`
	PublicBaseURL string `toml:"public_base_url"`
	// Presign is "" for public URLs, or how long a signed one lives.
	Presign string `toml:"presign"`
	// driver = "filesystem"
	Root    string `toml:"root"`
	URLPath string `toml:"url_path"`
	Serve   bool   `toml:"serve"`
}

// Cache is [cache]: the warm set.
type Cache struct {
	MaxSize       Size     `toml:"max_size"`
	TTL           Duration `toml:"ttl"`
	TTLUnlistened Duration `toml:"ttl_unlistened"`
}

// Reconcile is [reconcile].
type Reconcile struct {
	Rate  int      `toml:"rate"`
	Grace Duration `toml:"grace"`
}

// Log is [log].
type Log struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
	Access bool   `toml:"access"`
}

// Specs returns the labels as the other packages know them.
func (f *File) Specs() thumb.Specs {
	smallest := 0
	for i, t := range f.Thumbnails {
		if t.Width < f.Thumbnails[smallest].Width {
			smallest = i
		}
	}
	specs := make(thumb.Specs, 0, len(f.Thumbnails))
	for i, t := range f.Thumbnails {
		fallback := i == smallest
		if t.FallbackOriginal != nil {
			fallback = *t.FallbackOriginal
		}
		specs = append(specs, thumb.Spec{Label: t.Label, Width: t.Width, Height: t.Height, FallbackOriginal: fallback})
	}
	return specs
}
