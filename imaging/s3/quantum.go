package s3

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	// expiryWindow is how long before their end the SDK takes credentials for
	// expired, and asks for new ones.
	expiryWindow = 5 * time.Minute
	// refreshEvery is how often it is given the occasion.
	refreshEvery = time.Minute
)

// quantum is a span of time in which every URL is signed for the same moment, so
// that a page polled again shows the same bytes.
type quantum struct {
	credentials *aws.Credentials
	from, until int64 // nanoseconds of Unix time
	expires     time.Time
	signature   *signature
	path        int // where in a URL the path begins
}

var _ thumb.Signer = (*quantum)(nil)

// AppendSignature signs the URL that dst holds from index start on.
func (q *quantum) AppendSignature(dst []byte, start int) []byte {
	return q.signature.append(dst, start+q.path)
}

// Name names the access key and the moment.
func (q *quantum) Name() []byte { return q.signature.query }

// presigner knows the present quantum.
type presigner struct {
	region, host string
	path         int // where in a URL the path begins
	life         time.Duration
	credentials  atomic.Pointer[aws.Credentials]
	current      atomic.Pointer[quantum]
}

// quantum returns that of a moment, nil when the credentials have expired.
func (p *presigner) quantum(now time.Time) *quantum {
	credentials, q := p.credentials.Load(), p.current.Load()
	if at := now.UnixNano(); q != nil && q.credentials == credentials && q.from <= at && at < q.until {
		return q
	}
	q = p.turn(credentials, now)
	p.current.Store(q)
	return q
}

// turn finds the quantum that now is in. The moments to sign for are half a life
// apart, so that what is handed out has half of its life left at least. A URL
// ends with its credentials; towards their end the lives get shorter, and the
// moments draw together to keep that promise.
func (p *presigner) turn(credentials *aws.Credentials, now time.Time) *quantum {
	for step := p.life / 2; step >= time.Second; step /= 2 {
		step = step.Truncate(time.Second) // as the signature's time is
		from := now.Truncate(step)
		expires := from.Add(p.life)
		if credentials.CanExpire && credentials.Expires.Before(expires) {
			expires = credentials.Expires.Truncate(time.Second)
		}
		life := expires.Sub(from)
		until := from.Add(min(step, life/2))
		if now.Before(until) {
			return &quantum{
				credentials: credentials, from: from.UnixNano(), until: until.UnixNano(), expires: expires,
				signature: newSignature(credentials, p.region, p.host, from, life), path: p.path,
			}
		}
	}
	return nil
}

// startPresigning gets the first credentials; where they expire, new ones are
// fetched beside the requests, never during one.
func (s *Storage) startPresigning(ctx context.Context, cfg Config, log *slog.Logger) error {
	provider := s.client.Options().Credentials
	first, err := retrieve(ctx, provider, cfg.Timeout)
	if err != nil {
		return fmt.Errorf("storage.access_key: presigning needs credentials: %w", err)
	}
	s.presigner = &presigner{region: cfg.Region, host: s.address.host, path: s.address.path, life: cfg.Presign}
	s.presigner.credentials.Store(&first)
	if !first.CanExpire {
		return nil
	}
	// Not under the caller's context, which is that of starting up.
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.presigner.refresh(ctx, provider, cfg.Timeout, log) })
	return nil
}

func (p *presigner) refresh(ctx context.Context, provider aws.CredentialsProvider, timeout time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		fresh, err := retrieve(ctx, provider, timeout)
		if err != nil {
			log.Warn("credentials for signing URLs cannot be renewed", "error", err, "expire", p.credentials.Load().Expires)
			continue
		}
		if old := p.credentials.Load(); old.AccessKeyID != fresh.AccessKeyID || !old.Expires.Equal(fresh.Expires) {
			p.credentials.Store(&fresh)
		}
	}
}

func retrieve(ctx context.Context, provider aws.CredentialsProvider, timeout time.Duration) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return provider.Retrieve(ctx)
}
