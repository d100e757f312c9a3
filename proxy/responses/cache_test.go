package responses

import (
	"sync"
	"testing"
	"testing/synctest"
)

// Close leaves no goroutine: synctest fails where one is left. An operator who empties the
// cache meanwhile, or later, does no harm.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(*testing.T) {
		c, err := New(Defaults(), []string{"/api/"}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(c.Clear)
			all.Go(c.Close)
		}
		all.Wait()
		c.DropPages()
	})
}
