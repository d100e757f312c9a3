package disk

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Who asks a disk that stands still for something is told so in time, and at once when as
// much as may be is left behind. Nothing is left when the disk goes on.
func TestNobodyWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := New()
		still := make(chan struct{})
		var over atomic.Int32
		stuck := func() error { <-still; return nil }
		ask := func() (time.Duration, error) {
			began := time.Now()
			err := d.Ask(stuck, func() { over.Add(1) })
			return time.Since(began), err
		}
		var asking sync.WaitGroup
		for range 3 * Most { // two thirds do not even come to ask
			asking.Go(func() {
				if took, err := ask(); !errors.Is(err, ErrStandsStill) || took != Wait {
					t.Errorf("%v after %v", err, took)
				}
			})
		}
		asking.Wait()
		synctest.Wait()
		if n := d.behind.Load(); n != Most {
			t.Errorf("%d are left behind, want %d", n, Most)
		}
		if took, err := ask(); !errors.Is(err, ErrStandsStill) || took != 0 {
			t.Errorf("when nothing more may be asked: %v after %v", err, took)
		}
		close(still)
		synctest.Wait()
		if n := d.behind.Load(); n != 0 || over.Load() != Most {
			t.Errorf("the disk goes on, and %d are left behind; %d were told that it is over", n, over.Load())
		}
		if took, err := ask(); err != nil || took != 0 {
			t.Errorf("the disk is back: %v after %v", err, took)
		}
	})
}
