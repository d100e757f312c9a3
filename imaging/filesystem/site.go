package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/thumbedge/thumbedge/imaging"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// longestIdentity bounds what is read of a site's identity.
const longestIdentity = 256

// Site returns the identity that the storage bears under prefix; "": none. Its file
// is named as temporary ones are, which no key may be.
func (s *Storage) Site(_ context.Context, prefix string) (string, error) {
	if err := s.inPlace(); err != nil {
		return "", fmt.Errorf("reading the site's identity: %w", err)
	}
	file, err := s.root.Open(prefix + imaging.SiteFile)
	if errors.Is(missing(err), thumb.ErrFileMissing) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the site's identity: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, longestIdentity))
	if err != nil {
		return "", fmt.Errorf("reading the site's identity: %w", err)
	}
	return string(text), nil
}

// SetSite has the storage bear an identity, in place of any other; "": none.
func (s *Storage) SetSite(ctx context.Context, prefix, identity string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing the site's identity: %w", err)
		}
	}()
	if err := s.inPlace(); err != nil {
		return err
	}
	name := prefix + imaging.SiteFile
	if identity == "" {
		if err := s.root.Remove(name); err != nil && !errors.Is(missing(err), thumb.ErrFileMissing) {
			return err
		}
		return nil
	}
	temp, err := s.writeTemporary(ctx, path.Dir(name), []byte(identity))
	if err != nil {
		return err
	}
	if err := s.root.Rename(temp, name); err != nil {
		return errors.Join(err, s.root.Remove(temp))
	}
	return s.syncFolders(path.Dir(name))
}
