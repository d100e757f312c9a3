package source

import (
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/growth"
)

// However many hosts do not answer, a request to one is let go ahead, and its end noted,
// without a look at the others.
func TestHostsAreBoundedWork(t *testing.T) {
	t.Parallel()
	unanswered := silent{errors.New("no answer")}
	step := func(n int) func() {
		h := newHosts(time.Minute, slog.New(slog.DiscardHandler))
		for i := range n {
			h.note(strconv.Itoa(i), unanswered)
		}
		return func() {
			done, err := h.admit("another")
			if err != nil {
				t.Fatal(err)
			}
			done(unanswered)
			done(nil)
		}
	}
	if times := growth.Times(step(4), step(MaxSilent)); times > 50 {
		t.Errorf("a step takes %.0f times as long with %d hosts that do not answer as with 4", times, MaxSilent)
	}
}
