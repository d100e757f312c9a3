package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// lookAtPrivate tries private storage, and looks whether a file of it is to be had without
// a signature: from the bucket, through the site, or as one of the public storage.
func lookAtPrivate(ctx context.Context, file *config.File) (fact string, err error) {
	storage, _, err := program.NewPrivateStorage(ctx, file, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	defer storage.Close()
	public, _, _, err := program.NewStorage(ctx, file, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	defer public.Close()
	private := &file.Storage.Private
	looked := 0
	err = tryStorage(ctx, file, storage, string(private.Prefix), func(key string, picture []byte) error {
		if err := otherThanPublic(ctx, file, public, key); err != nil {
			return err
		}
		addresses, err := unsignedAddresses(file, storage, public, key)
		if err != nil {
			return err
		}
		looked = len(addresses)
		for _, address := range addresses {
			if err := mustNotGive(ctx, address, picture); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("storage.private: %w", err)
	}
	fact = fmt.Sprintf("%s: put, get and delete work; a file is not to be had without a signature (%d addresses tried)", private.Driver, looked)
	return fact, lookAtPrivateRows(ctx, file, storage)
}

// otherThanPublic fails where the public storage has the private file, under the key that
// it would have there.
func otherThanPublic(ctx context.Context, file *config.File, public program.Storage, key string) error {
	keys := []string{key}
	if file.Storage.Driver == config.DriverS3 {
		if below, ok := strings.CutPrefix(file.Storage.Private.Location+key, file.Storage.Location); ok {
			keys = append(keys, below)
		}
	}
	for _, key := range keys {
		there, err := public.Exists(ctx, key)
		if err != nil {
			return fmt.Errorf("asking the public storage for a private file: %w", err)
		}
		if there {
			return errors.New("it is the public storage (storage.bucket, endpoint, location, root): name another one")
		}
	}
	return nil
}

// unsignedAddresses are those at which a private file must not be.
func unsignedAddresses(file *config.File, storage, public program.Storage, key string) (addresses []string, err error) {
	if file.Storage.Private.Driver == config.DriverS3 {
		urls := storage.StorageURLs()
		bare, _, signed := strings.Cut(urls.Of(key), "?")
		if !signed {
			return nil, errors.New("its URLs are not signed: are there credentials (storage.private.access_key)?")
		}
		addresses = append(addresses, bare)
	}
	urls := public.StorageURLs()
	asPublic, _, _ := strings.Cut(urls.Of(key), "?")
	site := strings.TrimSuffix(file.Server.PublicURL, "/")
	switch {
	case strings.HasPrefix(asPublic, "/") && site != "":
		addresses = append(addresses, site+asPublic)
	case strings.HasPrefix(asPublic, "http"):
		addresses = append(addresses, asPublic)
	}
	if site != "" {
		addresses = append(addresses, site+"/"+key, site+"/"+strings.TrimPrefix(key, string(file.Storage.Private.Prefix)))
	}
	return addresses, nil
}

// mustNotGive fails where an address gives the picture. One that does not answer does not.
func mustNotGive(ctx context.Context, address string, picture []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("asking for a private file: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil //nolint:nilerr // nobody gets it from there
	}
	defer response.Body.Close()
	got, _ := io.ReadAll(io.LimitReader(response.Body, int64(len(picture)+1)))
	if bytes.Equal(got, picture) {
		return fmt.Errorf("anyone may read its files: %s gives one without a signature. "+
			"Take the policy or ACL away that opens the bucket, and serve its folder nowhere", address)
	}
	return nil
}

// lookAtPrivateRows looks whether private storage is that of the private rows.
func lookAtPrivateRows(ctx context.Context, file *config.File, storage program.Storage) error {
	return withStore(file, func(_ *pgxpool.Pool, store *postgres.Store) error {
		installed, err := store.Installed(ctx)
		switch {
		case err != nil:
			return degradedError{fmt.Errorf("the database does not say what lies in storage.private: %w", err)}
		case !installed.Private:
			return degradedError{errors.New("the tables of private thumbnails are not installed, so that drafts are left to the app; run thumbedge migrate up")}
		}
		if _, err := site.Look(ctx, store.Private(), storage, file.Storage.Private.Prefix, site.Newest); err != nil {
			return advised(file, "looking for the newest private rows' files", err)
		}
		err = site.Check(ctx, store.Private(), storage, file.Storage.Private.Prefix)
		switch {
		case errors.Is(err, site.ErrNotPaired):
			return degradedError{fmt.Errorf("storage.private: %w: thumbedge migrate up does it, and reconcile --apply needs it", err)}
		case errors.Is(err, site.ErrOther):
			return degradedError{fmt.Errorf("storage.private: reconcile is refused: %w", err)}
		}
		return err
	})
}
