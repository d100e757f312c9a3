package demo

import (
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// sharing is responses.anonymous_pages, which the gallery's switch sets by a reload, as an
// operator would who has changed it in the file. It holds for all who look at the demo.
type sharing struct {
	demo   *Demo
	wanted atomic.Bool
}

// Period is what the key is set to where it is on.
func (*sharing) Period() time.Duration { return 5 * time.Second }

// On says whether it is in force.
func (s *sharing) On() bool { return s.demo.Program.File().Responses.AnonymousPages > 0 }

// Set puts it in force, or takes it away.
func (s *sharing) Set(on bool) error {
	s.wanted.Store(on)
	return s.demo.Program.Reload()
}

// load is the demo's configuration file, as far as there is one.
func (s *sharing) load() (*config.File, error) {
	file := *s.demo.Program.File()
	file.Responses.AnonymousPages = 0
	if s.wanted.Load() {
		file.Responses.AnonymousPages = s.Period()
	}
	return &file, nil
}
