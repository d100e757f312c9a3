package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
	cfg   signing.Config
	sites siteReader
	log   *slog.Logger

	current  atomic.Pointer[signing.Signer] // nil: not known yet; never nil again
	last     atomic.Pointer[signerLook]     // nil: not looked yet
	identity string                         // that current is for; watch's own
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

// source returns what the proxy asks for the signer; nil where nothing is signed.
func (s *signerProbe) source() func() *signing.Signer {
	if s == nil {
		return nil
	}
	return s.current.Load
}

func (s *signerProbe) watch(ctx context.Context) {
	for {
		s.look(ctx)
		pause := signerLookEvery
		if s.current.Load() == nil {
			pause = signerLookSoon
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// look reads the identity, and makes the signer where it is a new one.
func (s *signerProbe) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, signerLookLimit)
	defer cancel()
	identity, err := s.identityOf(ctx)
	if err == nil && identity != s.identity {
		var signer *signing.Signer
		if signer, err = signing.New(s.cfg, identity); err == nil {
			s.current.Store(signer)
			s.identity = identity
			s.log.Info("private galleries are on", "keys", strings.Join(s.cfg.KeyIDs(), ", "))
		}
	}
	if before := s.last.Swap(&signerLook{err}); err != nil && (before == nil || before.err == nil) {
		s.log.Warn("nothing is signed for the members of draft projects", "error", err)
	}
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

// state shows the keys' ids, by which operators compare replicas.
func (s *signerProbe) state() admin.Part {
	keys := fmt.Sprintf("keys %s: the first signs", strings.Join(s.cfg.KeyIDs(), ", "))
	last := s.last.Load()
	switch {
	case s.current.Load() != nil && (last == nil || last.err == nil):
		return admin.Part{Name: "signing", State: ok, Effect: keys}
	case last == nil:
		return admin.Part{Name: "signing", State: degraded, Effect: "not known yet: the database has not answered; " + keys}
	}
	return admin.Part{Name: "signing", State: degraded, Effect: "members of draft projects may see no thumbnails (" + last.err.Error() + "); " + keys}
}
