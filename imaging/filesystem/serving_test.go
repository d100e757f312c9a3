package filesystem

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Who asks a disk that stands still for something is told so in time, and at once when as
// much as may be is left behind. Nothing is left when the disk goes on.
func TestServingDoesNotWaitForTheDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := new(Storage).Serving()
		disk := make(chan struct{})
		var over atomic.Int32
		stuck := func() error { <-disk; return nil }
		ask := func() (time.Duration, error) {
			began := time.Now()
			err := v.ask(stuck, func() { over.Add(1) })
			return time.Since(began), err
		}
		var asking sync.WaitGroup
		for range 3 * mostServing { // two thirds do not even come to ask
			asking.Go(func() {
				if took, err := ask(); !errors.Is(err, errStandsStill) || took != servingWait {
					t.Errorf("%v after %v", err, took)
				}
			})
		}
		asking.Wait()
		synctest.Wait()
		if n := v.behind.Load(); n != mostServing {
			t.Errorf("%d are left behind, want %d", n, mostServing)
		}
		if took, err := ask(); !errors.Is(err, errStandsStill) || took != 0 {
			t.Errorf("when nothing more may be asked: %v after %v", err, took)
		}
		close(disk)
		synctest.Wait()
		if n := v.behind.Load(); n != 0 || over.Load() != mostServing {
			t.Errorf("the disk goes on, and %d are left behind; %d were told that it is over", n, over.Load())
		}
		if took, err := ask(); err != nil || took != 0 {
			t.Errorf("the disk is back: %v after %v", err, took)
		}
	})
}

// Files are served as they are: whole, in part, and up to their end.
func TestServedFiles(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Root: t.TempDir(), URLPath: "/media/"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	const key = "thumbnails/capture_1/small_0000000000000001.jpg"
	want := bytes.Repeat([]byte("0123456789abcde"), 10_000) // more than two parts, and no multiple
	if err := s.Put(t.Context(), key, want); err != nil {
		t.Fatal(err)
	}
	v := s.Serving()
	if _, err := v.OpenFile(key + "x"); !errors.Is(err, thumb.ErrFileMissing) {
		t.Errorf("a file that is not there: %v", err)
	}
	file, err := v.OpenFile(key)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range [][2]int64{{0, int64(len(want))}, {7, 9}, {servingPart - 1, servingPart + 2}, {int64(len(want)) - 3, 100}} {
		got, err := io.ReadAll(io.NewSectionReader(file, c[0], c[1]))
		if expected := want[c[0]:min(c[0]+c[1], int64(len(want)))]; err != nil || !bytes.Equal(got, expected) {
			t.Errorf("%d bytes from %d: %d bytes, %v", c[1], c[0], len(got), err)
		}
	}
	if n, err := file.ReadAt(make([]byte, 10), int64(len(want))-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("past the end: %d, %v", n, err)
	}
}
