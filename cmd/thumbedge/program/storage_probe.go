package program

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/site"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// storageProbe looks at the storage every half a minute, and writes nothing: a bucket
// that is gone is told from an empty one, a page that answers 200 to everything from a
// storage, and another site's storage from the app's.
type storageProbe struct {
	rows    site.Rows
	storage site.Existing
	keys    thumb.Keys
	private bool
	last    atomic.Pointer[storageAnswer] // nil: not asked yet
}

type storageAnswer struct{ err error }

const (
	storageProbeEvery = 30 * time.Second
	storageProbeLimit = 10 * time.Second
	storageProbeGrace = time.Second // to say that it is over
	storageProbeRows  = 5           // whose files are looked for
)

// newPrivateProbe looks at private storage likewise; nil: there is none.
func newPrivateProbe(p *privateParts, store *postgres.Store, registry prometheus.Registerer) *storageProbe {
	if p.storage == nil {
		return nil
	}
	s := &storageProbe{rows: store.Private(), storage: p.storage, keys: p.keys, private: true}
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "thumbedge_private_storage_up", Help: "As thumbedge_storage_up, of private storage; absent where there is none.",
	}, func() float64 {
		if s.state().State == ok {
			return 1
		}
		return 0
	}))
	return s
}

// up says whether the storage was not seen to be down. It asks nobody; nil is not up.
func (s *storageProbe) up() bool {
	if s == nil {
		return false
	}
	last := s.last.Load()
	return last == nil || last.err == nil
}

func newStorageProbe(rows site.Rows, storage site.Existing, keys thumb.Keys, registry prometheus.Registerer) *storageProbe {
	s := &storageProbe{rows: rows, storage: storage, keys: keys}
	registry.MustRegister(s.gauge())
	return s
}

func (s *storageProbe) gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "thumbedge_storage_up", Help: "1 while the storage answered when last asked, which it is every half a minute, and had the newest rows' files.",
	}, func() float64 {
		if s.state().State == ok {
			return 1
		}
		return 0
	})
}

func (s *storageProbe) watch(ctx context.Context) {
	again := time.NewTicker(storageProbeEvery)
	defer again.Stop()
	for {
		s.ask(ctx)
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// errStandsStill is what is known of a storage that does not return from a question, as a
// file system whose disk stands still: it heeds no context.
var errStandsStill = errors.New("it does not come back from what it was asked: the disk stands still")

// ask looks once, and returns when that is over, however long it takes.
func (s *storageProbe) ask(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, storageProbeLimit)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := site.Look(limited, s.rows, s.storage, s.keys, storageProbeRows)
		done <- err
	}()
	late := time.NewTimer(storageProbeLimit + storageProbeGrace)
	defer late.Stop()
	for {
		select {
		case err := <-done:
			s.last.Store(&storageAnswer{err})
			return
		case <-late.C:
			s.last.Store(&storageAnswer{errStandsStill})
		case <-ctx.Done(): // the process ends, whether or not the disk comes back
			return
		}
	}
}

func (s *storageProbe) state() admin.Part {
	if s.private {
		return s.privateState()
	}
	switch last := s.last.Load(); {
	case last == nil:
		return admin.Part{Name: "storage", State: degraded, Effect: "not known yet: it has not answered"}
	case errors.Is(last.err, site.ErrOtherFiles):
		return admin.Part{Name: "storage", State: degraded, Effect: last.err.Error()}
	case last.err != nil:
		return admin.Part{Name: "storage", State: down,
			Effect: "pages go on as before; cold thumbnails are rendered and sent without being kept: " + last.err.Error()}
	}
	return admin.Part{Name: "storage", State: ok}
}

func (s *storageProbe) privateState() admin.Part {
	const name = "private storage"
	switch last := s.last.Load(); {
	case last == nil:
		return admin.Part{Name: name, State: degraded, Effect: "not known yet: it has not answered"}
	case errors.Is(last.err, site.ErrOtherFiles):
		return admin.Part{Name: name, State: degraded, Effect: "drafts are shown as the app does (storage.private): " + last.err.Error()}
	case last.err != nil:
		return admin.Part{Name: name, State: down, Effect: "drafts are shown as the app does: " + last.err.Error()}
	}
	return admin.Part{Name: name, State: ok}
}
