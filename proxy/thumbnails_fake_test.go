package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/wiretest"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// scriptedResolver says what a test has it say.
type scriptedResolver struct {
	answers map[thumb.ID]thumb.Known // others are Missing
	fresh   map[thumb.ID]thumb.Known // likewise
	err     error                    // of what is not in answers
	url     string                   // "": one that names capture and position
	expires time.Time
}

func (r *scriptedResolver) Resolve(_ context.Context, ids []thumb.ID, answers []thumb.Known) error {
	var err error
	for i, id := range ids {
		answer, known := r.answers[id]
		if !known && r.err != nil {
			err = r.err
		} else if !known {
			answer.Standing = thumb.Missing
		}
		answers[i] = answer
	}
	return err
}

func (r *scriptedResolver) Fresh(_ context.Context, id thumb.ID) (thumb.Known, error) {
	if answer, known := r.fresh[id]; known || r.err != nil {
		return answer, r.err
	}
	return thumb.Known{Standing: thumb.Missing}, nil
}

func (r *scriptedResolver) AppendURL(dst []byte, id thumb.ID, _ *thumb.Known, position int) ([]byte, time.Time) {
	if r.url == "none" {
		return dst, time.Time{}
	}
	if r.url != "" {
		return append(dst, r.url...), r.expires
	}
	return fmt.Appendf(dst, "/media/%d/%d.jpg", id, position), r.expires
}

func (r *scriptedResolver) Watch([]thumb.ID) func() bool { return nil }

func (r *scriptedResolver) PublicURLs() thumb.StorageURLs {
	return thumb.StorageURLs{Base: "/media/", Own: "/media/"}
}

func (r *scriptedResolver) AppendKey(dst []byte, id thumb.ID, _ *thumb.Known, position int) []byte {
	return fmt.Appendf(dst, "%d/%d.jpg", id, position)
}

// scriptedRenderer answers as a test has it answer, and counts.
type scriptedRenderer struct {
	made     Thumbnail
	err      error
	original string
	// privateErr is PrivateThumbnail's own.
	privateErr error
	// waits makes Thumbnail wait for its context; entered and left tell of it.
	waits         bool
	entered, left chan struct{}

	mu    sync.Mutex
	calls []string
}

func (r *scriptedRenderer) Thumbnail(ctx context.Context, _ thumb.Client, id thumb.ID, position int) (Thumbnail, error) {
	r.mu.Lock()
	r.calls = append(r.calls, fmt.Sprintf("%d/%d", id, position))
	r.mu.Unlock()
	if r.waits {
		r.entered <- struct{}{}
		<-ctx.Done()
		r.left <- struct{}{}
		return Thumbnail{}, ctx.Err()
	}
	return r.made, r.err
}

func (r *scriptedRenderer) PrivateThumbnail(_ context.Context, _ thumb.Client, id thumb.ID, position int, project int64) (Thumbnail, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf("private %d/%d/%d", id, position, project))
	if r.privateErr != nil {
		return Thumbnail{}, r.privateErr
	}
	return r.made, r.err
}

func (r *scriptedRenderer) PrivateReady() bool        { return false }
func (r *scriptedRenderer) Failed(thumb.ID, int) bool { return false }

func (r *scriptedRenderer) OriginalURL(context.Context, thumb.ID) (string, error) {
	if r.original == "" {
		return "", errors.New("none")
	}
	return r.original, nil
}

func (r *scriptedRenderer) AppFailed(id thumb.ID, position int, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf("app failed %d/%d refused=%t", id, position, refused))
}

func (r *scriptedRenderer) Prefetch(thumb.ID, int) {}

func (r *scriptedRenderer) called() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.calls, " ")
}

func verdict(small, medium thumb.Verdict) thumb.Known {
	return thumb.Known{Standing: thumb.Public, Verdicts: [thumb.MaxSpecs]thumb.Verdict{small, medium}}
}

// The captures of the tests, by what is known of them.
const (
	idWarm, idCold, idStale, idPrivate, idNewlyPublic, idNewlyWarm, idNewlyPrivate = 1, 2, 3, 4, 5, 6, 7
)

func scripted() *scriptedResolver {
	return &scriptedResolver{
		answers: map[thumb.ID]thumb.Known{
			idWarm: verdict(thumb.Warm, thumb.Warm), idCold: verdict(thumb.Cold, thumb.Cold), idStale: verdict(thumb.Stale, thumb.Warm),
			idPrivate: {Standing: thumb.Private},
		},
		fresh: map[thumb.ID]thumb.Known{
			idNewlyPublic: verdict(thumb.Cold, thumb.Cold), idNewlyWarm: verdict(thumb.Warm, thumb.Warm), idNewlyPrivate: {Standing: thumb.Private},
		},
	}
}

const (
	testRoute = "/api/v2/captures/thumbnails/"
	appsWord  = "HTTP/1.1 400 Bad Request\r\nContent-Length: 10\r\n\r\nsays app: " // what the app answers in these tests
)

// startThumbnails starts a proxy whose labels are small, which may fall back to
// the original, and medium.
func startThumbnails(t *testing.T, resolver *scriptedResolver, renderer *scriptedRenderer, edit func(*Config)) (*testProxy, *wiretest.App) {
	t.Helper()
	a := wiretest.StartApp(t, wiretest.Answering(appsWord))
	p := startProxy(t, a.Addr, func(cfg *Config, deps *Deps) {
		cfg.Specs = thumb.Specs{{Label: "small", Width: 240, FallbackOriginal: true}, {Label: "medium", Width: 1024}}
		cfg.Server.CORSOrigins = []string{"https://ui.example"}
		cfg.Server.DebugHeaders = true
		deps.Resolver, deps.Renderer = resolver, renderer
		if edit != nil {
			edit(cfg)
		}
	})
	return p, a
}

func statusOf(raw string) string {
	_, rest, _ := strings.Cut(raw, " ")
	code, _, _ := strings.Cut(rest, " ")
	return code
}

func joinedField(raw, name string) string { return strings.Join(wiretest.Fields(raw, name), " | ") }
