// Package signing makes and verifies the permissions that are part of a private
// thumbnail's URL. It is pure: no I/O, no log, no clock but the one that it is given.
//
// A browser sends no Authorization header for an <img>, so the URL itself says that
// whoever has it may see one label of one capture until a moment:
//
//	https://site/api/v2/captures/thumbnails/7/?label=small&expires=1790000000&signature=…
//
// The signature is an HMAC-SHA256 over everything that the permission depends on
// (message): the version of this scheme, the site's identity, the capture, the label, the
// expiry, and the draft project that the capture was in. So it is worth nothing for another
// capture, label or moment, at another site that has the same keys, or once the capture
// is in another project.
//
// Invariants:
//   - One permission has one spelling: what is verified is the text itself, so that no
//     other text is taken for it.
//   - Signatures are compared in constant time, with every key.
//   - All replicas sign for the same moments (Expiry): a page that is polled stays the same
//     bytes, and a URL arrives with half of its lifetime left at least.
package signing

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Permission is what a signature allows, but for its expiry.
type Permission struct {
	ID      thumb.ID
	Label   string
	Project int64 // the draft project that the capture belongs to
}

// Signer signs with its first key and verifies with all of them. It may be used by many
// goroutines at once.
type Signer struct {
	keys     []*key
	lifetime int64 // seconds
	scratch  sync.Pool
}

// New returns a Signer for a site, by the identity that its database and its storage
// share. It refuses a configuration without keys, or one that does not pass Validate.
func New(cfg Config, site string) (*Signer, error) {
	if err := cfg.validateFor(site); err != nil {
		return nil, err
	}
	s := &Signer{lifetime: int64(cfg.Lifetime / time.Second)}
	for _, secret := range cfg.Keys {
		s.keys = append(s.keys, newKey([]byte(secret), site))
	}
	s.scratch.New = func() any { return newScratch() }
	return s, nil
}

// Expiry returns the moment, in Unix seconds, for which everything is signed at now. The
// moments lie half a lifetime apart.
func (s *Signer) Expiry(now time.Time) int64 {
	step := s.lifetime / 2
	seconds := now.Unix()
	return seconds - seconds%step + s.lifetime
}

// KeyID names the key that signs. It says nothing about the key itself.
func (s *Signer) KeyID() string { return s.keys[0].id }

// encoded is how long a signature is, as text.
const encoded = (sha256.Size*8 + 5) / 6

// Append appends "expires=…&signature=…" to dst, which give a permission until expiry.
func (s *Signer) Append(dst []byte, p Permission, expiry int64) []byte {
	work := s.scratch.Get().(*scratch)
	defer s.scratch.Put(work)
	dst = strconv.AppendInt(append(dst, "expires="...), expiry, 10)
	return append(append(dst, "&signature="...), work.sign(s.keys[0], p, expiry)...)
}

// Verify says whether a signature gives the permission at now.
func (s *Signer) Verify(sig *Signature, p Permission, now time.Time) bool {
	if sig.Expired(now) {
		return false
	}
	work := s.scratch.Get().(*scratch)
	defer s.scratch.Put(work)
	equal := 0
	for _, k := range s.keys { // each, whether or not one fitted
		equal |= subtle.ConstantTimeCompare(work.sign(k, p, sig.expiry), sig.text[:])
	}
	return equal == 1
}

var encoding64 = base64.RawURLEncoding
