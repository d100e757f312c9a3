package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// signerProbe makes what signs private URLs, once it is known which site this is: the
// identity is part of each signature. A dump that was restored elsewhere bears the
// original's identity and says that it is another database: nothing is signed for it.
type signerProbe struct {
	sites siteReader
	log   *slog.Logger

	last  atomic.Pointer[signerLook] // nil: not looked yet
	again chan struct{}              // has a value when it is to be looked at once

	mu       sync.Mutex
	identity string  // the last that was read; "": not known yet
	current  *signer // of the configuration in force; nil: nothing is signed
}

// signer is what signs by one configuration.
type signer struct {
	cfg      signing.Config
	made     atomic.Pointer[signing.Signer] // nil: not known yet; never nil again
	identity string                         // that made is for; belongs to the probe's mu
}

func newSignerProbe(sites siteReader, log *slog.Logger) *signerProbe {
	return &signerProbe{sites: sites, log: log, again: make(chan struct{}, 1)}
}

// prepare makes what signs by a configuration, and returns what the proxy asks for it, nil
// where nothing is signed, and what says that it is in force.
func (s *signerProbe) prepare(cfg signing.Config) (source func() *signing.Signer, apply func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !cfg.Enabled() {
		return nil, func() { s.use(nil) }, nil
	}
	if now := s.current; now != nil && now.cfg.Lifetime == cfg.Lifetime && slices.Equal(now.cfg.Keys, cfg.Keys) {
		return now.made.Load, func() {}, nil
	}
	next := &signer{cfg: cfg}
	if err = cfg.Validate(); err == nil && s.identity != "" {
		err = next.make(s.identity)
	}
	return next.made.Load, func() { s.use(next) }, err
}

// use says whose configuration is in force.
func (s *signerProbe) use(next *signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = next
	select {
	case s.again <- struct{}{}:
	default: // it is to be looked at anyway
	}
}

// make makes what signs for a site. The caller holds the probe's mu.
func (s *signer) make(identity string) error {
	made, err := signing.New(s.cfg, identity)
	if err == nil {
		s.made.Store(made)
		s.identity = identity
	}
	return err
}

// inForce returns what signs now; nil: nothing is signed.
func (s *signerProbe) inForce() *signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// siteReader is what signerProbe needs of the database.
type siteReader interface {
	Site(ctx context.Context) (postgres.Site, error)
	Place(ctx context.Context) (postgres.Place, error)
}

type signerLook struct{ err error }

var (
	errNoIdentity   = errors.New("the site has no identity yet: run thumbedge migrate up, or reconcile --adopt")
	errNotThisPlace = errors.New("the site's identity was made for another database, of which this is a copy: run thumbedge reconcile --adopt")
)

const (
	signerLookEvery = 10 * time.Second
	signerLookSoon  = 500 * time.Millisecond // until it is known
	signerLookLimit = 5 * time.Second
)

func (s *signerProbe) watch(ctx context.Context) {
	for {
		pause := signerLookEvery
		if now := s.inForce(); now != nil {
			s.look(ctx)
			if now.made.Load() == nil {
				pause = signerLookSoon
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.again:
		case <-time.After(pause):
		}
	}
}

// look reads the identity, and makes the signer where it is a new one.
func (s *signerProbe) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, signerLookLimit)
	defer cancel()
	identity, err := s.identityOf(ctx)
	if err == nil {
		err = s.identified(identity)
	}
	if before := s.last.Swap(&signerLook{err}); err != nil && (before == nil || before.err == nil) {
		s.log.Warn("nothing is signed for the members of draft projects", "error", err)
	}
}

// identified heeds what was read of the site.
func (s *signerProbe) identified(identity string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity = identity
	if s.current == nil || s.current.identity == identity {
		return nil
	}
	err := s.current.make(identity)
	if err == nil {
		s.log.Info("private galleries are on", "keys", strings.Join(s.current.cfg.KeyIDs(), ", "))
	}
	return err
}

func (s *signerProbe) identityOf(ctx context.Context) (string, error) {
	recorded, err := s.sites.Site(ctx)
	if err != nil {
		return "", err
	}
	if recorded.Identity == "" {
		return "", errNoIdentity
	}
	here, err := s.sites.Place(ctx)
	if err != nil {
		return "", err
	}
	if !recorded.Place.Same(here) {
		return "", errNotThisPlace
	}
	return recorded.Identity, nil
}

// state shows the keys' ids, by which operators compare replicas; false: nothing is signed.
func (s *signerProbe) state() (part admin.Part, shown bool) {
	now := s.inForce()
	if now == nil {
		return part, false
	}
	return s.stateOf(now), true
}

func (s *signerProbe) stateOf(now *signer) admin.Part {
	keys := fmt.Sprintf("keys %s: the first signs", strings.Join(now.cfg.KeyIDs(), ", "))
	last := s.last.Load()
	switch {
	case now.made.Load() != nil && (last == nil || last.err == nil):
		return admin.Part{Name: "signing", State: ok, Effect: keys}
	case last == nil:
		return admin.Part{Name: "signing", State: degraded, Effect: "not known yet: the database has not answered; " + keys}
	}
	return admin.Part{Name: "signing", State: degraded, Effect: "members of draft projects may see no thumbnails (" + last.err.Error() + "); " + keys}
}
