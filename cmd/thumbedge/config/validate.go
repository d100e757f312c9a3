package config

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/machine"
)

// validations returns what each package says of its part of the file.
func (f *File) validations() []error {
	proxyConfig, resolverConfig, postgresConfig, imagingConfig := f.Proxy(), f.Resolver(), f.Postgres(), f.Imaging()
	errs := []error{
		f.validateOwn(),
		f.Server.Admin.Validate(),
		proxyConfig.Validate(),
		resolverConfig.Validate(),
		postgresConfig.Validate(),
		imagingConfig.Validate(),
		f.Signing.Validate(),
		f.validateSigning(),
		f.Reconcile.Validate(),
		f.Tracing.Validate(),
		f.Storage.validatePrivate(),
	}
	switch f.Storage.Driver {
	case DriverS3:
		return append(errs, f.Storage.S3.Validate())
	case DriverFilesystem:
		return append(errs, f.Storage.Filesystem.Validate())
	}
	return append(errs, fmt.Errorf(`storage.driver: must be "s3" or "filesystem", not %q`, f.Storage.Driver))
}

// validateSigning judges what signed URLs need.
func (f *File) validateSigning() error {
	if !f.Signing.Enabled() {
		return nil
	}
	var errs []error
	if f.Server.PublicURL == "" {
		errs = append(errs, errors.New("server.public_url: signing.keys needs it: signed URLs begin with it, and never with a Host that a client made up"))
	}
	if !f.PrivateStorage() {
		errs = append(errs, errors.New("storage.private.driver: signing.keys needs a private storage, where the thumbnails of drafts lie"))
	}
	return errors.Join(errs...)
}

// fits judges what may take as much memory as the file says, at any time. What it says of
// renders and pages is a bound that a small machine need not come to; check adds it up.
func (f *File) fits(memory machine.Memory) error {
	if err := memory.Admits(f.Cache.MaxSize); err != nil {
		return fmt.Errorf("cache.max_size: %w", err)
	}
	return nil
}

// validateOwn judges the keys that no package but cmd knows.
func (f *File) validateOwn() error {
	var errs []error
	if _, port, err := net.SplitHostPort(f.Server.Listen); err != nil || port == "" {
		errs = append(errs, fmt.Errorf(`server.listen: must be host:port, such as "127.0.0.1:8080", not %q`, f.Server.Listen))
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, f.Log.Level) {
		errs = append(errs, fmt.Errorf(`log.level: must be "debug", "info", "warn" or "error", not %q`, f.Log.Level))
	}
	if !slices.Contains([]string{"text", "json"}, f.Log.Format) {
		errs = append(errs, fmt.Errorf(`log.format: must be "text" or "json", not %q`, f.Log.Format))
	}
	return errors.Join(errs...)
}
