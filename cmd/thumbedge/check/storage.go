package check

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
)

// lookAtStorage stores a small picture under a key that no capture has, reads it
// back, and deletes it.
func lookAtStorage(ctx context.Context, file *config.File) (string, error) {
	storage, _, _, err := program.NewStorage(ctx, file, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	defer storage.Close()
	if err := tryStorage(ctx, file, storage, string(file.Storage.Prefix), nil); err != nil {
		return "", err
	}
	urls := storage.StorageURLs()
	return fmt.Sprintf("%s: put, get and delete work; browsers are sent to %s%s…", file.Storage.Driver, urls.Base, file.Storage.Prefix), nil
}

// tryStorage puts, gets and deletes a picture; meanwhile is called while it is there, unless
// it is nil.
func tryStorage(ctx context.Context, file *config.File, storage program.Storage, prefix string, meanwhile func(key string, picture []byte) error) error {
	var picture bytes.Buffer
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	img.SetGray(4, 4, color.Gray{Y: 200})
	if err := jpeg.Encode(&picture, img, nil); err != nil {
		return fmt.Errorf("making a picture: %w", err)
	}
	key := fmt.Sprintf("%scheck_%s.jpg", prefix, rand.Text())
	if err := storage.Put(ctx, key, picture.Bytes()); err != nil {
		return advised(file, "putting a file", err)
	}
	defer func() {
		_ = storage.Delete(context.WithoutCancel(ctx), key) // a second delete, where the one below was not reached
	}()
	body, _, err := storage.Open(ctx, key)
	if err != nil {
		return advised(file, "getting the file back", err)
	}
	got, err := io.ReadAll(body)
	_ = body.Close()
	if err == nil && !bytes.Equal(got, picture.Bytes()) {
		err = errors.New("they are not those that were put")
	}
	if err != nil {
		return fmt.Errorf("getting the file back: %d bytes of %d came: %w", len(got), picture.Len(), err)
	}
	if meanwhile != nil {
		if err := meanwhile(key, picture.Bytes()); err != nil {
			return err
		}
	}
	if err := storage.Delete(ctx, key); err != nil {
		return advised(file, "deleting the file", err)
	}
	return nil
}
