package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Private is [storage.private]: where the thumbnails of draft projects lie, which nobody
// gets without a signature. What would make them public has no key here.
type Private struct {
	Driver    string     `toml:"driver"` // DriverS3 or DriverFilesystem; "": there is none
	Prefix    thumb.Keys `toml:"prefix"`
	Bucket    string     `toml:"bucket"`
	Region    string     `toml:"region"`
	Endpoint  string     `toml:"endpoint"`
	AccessKey string     `toml:"access_key"`
	SecretKey string     `toml:"secret_key,secret"`
	Location  string     `toml:"location"`
	PathStyle bool       `toml:"path_style"`
	Root      string     `toml:"root"`
}

func privateDefaults() Private { return Private{Prefix: "thumbnails/"} }

// privatePresign is the life of signed URLs of private files. A reader is sent to one by
// an answer that itself asks for a signature, and comes back for another.
const privatePresign = 30 * time.Minute

// Configured says whether there is private storage.
func (p *Private) Configured() bool { return p.Driver != "" }

// S3Config is that of DriverS3.
func (p *Private) S3Config() s3.Config {
	cfg := s3.Defaults()
	cfg.Bucket, cfg.Region, cfg.Endpoint, cfg.PathStyle = p.Bucket, p.Region, p.Endpoint, p.PathStyle
	cfg.AccessKey, cfg.SecretKey, cfg.Location = p.AccessKey, p.SecretKey, p.Location
	cfg.Presign, cfg.Private = privatePresign, true
	return cfg
}

// FilesystemConfig is that of DriverFilesystem.
func (p *Private) FilesystemConfig() filesystem.Config {
	return filesystem.Config{Root: p.Root, Private: true}
}

// validatePrivate reports every problem of private storage, joined: its own, and that it
// is the public one, or lies in it.
func (s *Storage) validatePrivate() error {
	p := &s.Private
	var own error
	switch p.Driver {
	case "":
		return s.validateUnused()
	case DriverS3:
		own = p.S3Config().Validate()
	case DriverFilesystem:
		own = p.FilesystemConfig().Validate()
	default:
		return fmt.Errorf(`storage.private.driver: must be "s3" or "filesystem", not %q`, p.Driver)
	}
	var errs []error
	for _, err := range leaves(own) {
		errs = append(errs, errors.New(strings.ReplaceAll(err.Error(), "storage.", "storage.private.")))
	}
	return errors.Join(append(errs, s.validateApart())...)
}

// validateUnused: a table without a driver would be taken for one that is in force.
func (s *Storage) validateUnused() error {
	if s.Private != privateDefaults() {
		return errors.New(`storage.private.driver: must be "s3" or "filesystem", where anything else of storage.private is set`)
	}
	return nil
}

// validateApart refuses a private storage of whose files the public one would be a way to.
func (s *Storage) validateApart() error {
	p := &s.Private
	switch {
	case p.Driver != s.Driver:
		return nil
	case p.Driver == DriverFilesystem:
		if p.Root != "" && s.Root != "" && (inside(p.Root, s.Root) || inside(s.Root, p.Root)) {
			return fmt.Errorf("storage.private.root: %q and storage.root, %q, must not contain one another", p.Root, s.Root)
		}
		return nil
	}
	private, public := p.Location+string(p.Prefix), s.Location+string(s.Prefix)
	if p.Bucket == s.Bucket && p.Endpoint == s.Endpoint && (strings.HasPrefix(private, public) || strings.HasPrefix(public, private)) {
		return fmt.Errorf("storage.private.prefix: in one bucket, %q and storage's %q must not begin with one another (location and prefix)", private, public)
	}
	return nil
}

// inside says whether a folder is another one, or lies in it, by their names.
func inside(folder, other string) bool {
	relative, err := filepath.Rel(other, folder)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}
