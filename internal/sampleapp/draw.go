package sampleapp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/internal/sampleapp/scene"
)

// drawing is the version of what package scene draws. It is part of the photos'
// names, so that photos kept from before a change are not taken for new ones.
const drawing = 1

// Album is a folder of made-up photos.
type Album struct {
	Dir    string
	Scenes int // how many different photos; 0: 24
	Width  int // of each, in pixels; 0: 4096, which makes it 2160 high
}

// Photo is one photo of an album.
type Photo struct {
	File   string        // its path
	Camera int           // which of the traps took it, from 0
	Clock  time.Duration // its time of day, since noon
	Width  int
	Height int
	Size   int64 // bytes
}

// Draw draws the photos that are not in the album yet, one on each core at a time,
// and returns them all. Progress goes to out: a bar on a terminal, lines elsewhere.
func (b Album) Draw(ctx context.Context, out io.Writer) ([]Photo, error) {
	if b.Scenes == 0 {
		b.Scenes = 24
	}
	if b.Width == 0 {
		b.Width = 4096
	}
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the album: %w", err)
	}
	photos := make([]Photo, b.Scenes)
	var missing []int
	for n := range photos {
		s := scene.Scene{Number: n}
		photos[n] = Photo{
			File:   filepath.Join(b.Dir, fmt.Sprintf("scene_v%d_%d_%03d.jpg", drawing, b.Width, n)),
			Camera: s.Camera(), Clock: s.Clock(), Width: b.Width, Height: scene.Height(b.Width),
		}
		stat, err := os.Stat(photos[n].File)
		switch {
		case err == nil:
			photos[n].Size = stat.Size()
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, n)
		default:
			return nil, fmt.Errorf("looking into the album: %w", err)
		}
	}
	if len(missing) == 0 {
		return photos, nil
	}
	done := progress(out, len(missing))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, n := range missing {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			photos[n].Size, err = drawFile(scene.Scene{Number: n}, photos[n])
			done()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("drawing photos: %w", err)
	}
	return photos, nil
}

// drawFile draws one photo. The file appears under its name once it is whole.
func drawFile(s scene.Scene, photo Photo) (int64, error) {
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, s.Draw(photo.Width), &jpeg.Options{Quality: 85}); err != nil {
		return 0, err
	}
	unfinished := photo.File + ".part"
	if err := os.WriteFile(unfinished, buf.Bytes(), 0o644); err != nil {
		return 0, err
	}
	return int64(buf.Len()), os.Rename(unfinished, photo.File)
}

// progress returns what to call after each of the photos.
func progress(out io.Writer, photos int) func() {
	fmt.Fprintf(out, "drawing %d photos\n", photos)
	var drawn atomic.Int64
	return func() {
		if n := int(drawn.Add(1)); n == photos || n%8 == 0 {
			fmt.Fprintf(out, "drew %d of %d photos\n", n, photos)
		}
	}
}
