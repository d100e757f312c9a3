package sampleapp_test

import (
	"context"
	"sync"
	"testing"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Whatever the workers render while the gallery is made cold is gone with all the rest: its
// row is waited for, and what is asked for afterwards is rendered anew.
func TestColdWaitsForWhatIsBeingRendered(t *testing.T) {
	t.Parallel()
	rendering, release := make(chan struct{}, 1), make(chan struct{})
	s := start(t, func(cfg *sampleapp.Config) {
		cfg.Workers = 2
		cfg.Render = func(ctx context.Context, original []byte, spec thumb.Spec) (render.Picture, error) {
			select {
			case rendering <- struct{}{}:
			default:
			}
			<-release
			return sampleapp.RenderOne(ctx, original, spec)
		}
	})
	var clients sync.WaitGroup
	clients.Go(func() { s.get(t, route+"1/") })
	<-rendering
	type made struct {
		files map[thumb.ID][]string
		err   error
	}
	cold := make(chan made, 1)
	go func() {
		files, err := s.MakeCold(t.Context())
		cold <- made{files, err}
	}()
	select {
	case <-cold:
		t.Error("it is cold while a worker renders")
	default:
	}
	close(release)
	clients.Wait()
	got := <-cold
	if got.err != nil || len(got.files) != 1 || len(got.files[1]) != 1 {
		t.Errorf("made cold: %v, the files %v; want the one that was being rendered", got.err, got.files)
	}
	before := s.Counters().Renders
	s.get(t, route+"1/")
	s.get(t, route+"1/")
	if n := s.Counters().Renders - before; n != 1 {
		t.Errorf("asked for twice since, it was rendered %d times, want 1", n)
	}
}
