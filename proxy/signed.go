package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/thumbedge/thumbedge/proxy/signing"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// signed judges what requests bring as signatures. One that is not valid is no
// signature: the request is answered as if it had brought none.
type signed struct {
	signer  func() *signing.Signer
	files   *files // that the proxy serves itself; nil: private storage does
	metrics *signatureMetrics
}

// newSigned returns nil where nothing is signed: then no signature is one.
func newSigned(deps Deps) *signed {
	if deps.Signer == nil {
		return nil
	}
	s := &signed{signer: deps.Signer, metrics: deps.Metrics.signatures}
	if deps.PrivateFiles != nil {
		s.files = &files{stored: deps.PrivateFiles, metrics: deps.Metrics.files, log: deps.Log}
	}
	return s
}

// ready says whether a signature can be verified.
func (s *signed) ready() bool { return s.signer() != nil }

// undecided says whether a request brought what may be a valid signature, as far as its
// text goes. Until it is known whose draft the capture is, such a request gets nothing:
// from the app it would get a draft that is rendered into public storage.
func (s *signed) undecided(w *wanted) bool {
	return s != nil && w.sig != nil && !w.sig.Expired(time.Now())
}

// allows says whether a request brought a valid signature for what it wants, of the draft
// project that the capture is in now, and counts what it brought.
func (s *signed) allows(w *wanted) bool {
	if s == nil || w.sig == nil {
		return false
	}
	now := time.Now()
	switch {
	case w.sig.Expired(now):
		s.metrics.expired.Inc()
		return false
	case w.known.Standing != thumb.Draft:
		s.metrics.notDraft.Inc()
		return false
	}
	if s.signer().Verify(w.sig, signing.Permission{ID: w.id, Label: w.spec.Label, Project: w.known.Project}, now) {
		s.metrics.valid.Inc()
		return true
	}
	s.metrics.invalid.Inc()
	return false
}

// signatureMetrics count what requests brought as signatures.
type signatureMetrics struct{ valid, invalid, expired, notDraft, unverified prometheus.Counter }

func newSignatureMetrics(reg prometheus.Registerer) *signatureMetrics {
	vec := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_signatures_total", Help: "Signatures that requests for thumbnails brought: valid, invalid (of something else, or made up), expired or malformed, not needed as the capture is no draft, or unverified as the database did not answer. All but valid ones count for nothing.",
	}, []string{"outcome"})
	return &signatureMetrics{
		valid: vec.WithLabelValues("valid"), invalid: vec.WithLabelValues("invalid"), expired: vec.WithLabelValues("expired"),
		notDraft: vec.WithLabelValues("no_draft"), unverified: vec.WithLabelValues("unverified"),
	}
}
