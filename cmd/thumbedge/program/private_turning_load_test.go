package program_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// turning is a site whose project turns draft and public again and again, while two replicas
// are asked for it without pause.
type turning struct {
	*site
	replicas []*site
	captures []int64
	stalls   *testenv.Stalls

	mu         sync.Mutex
	turns      []turn
	judged     map[string]int // answers, by who asks, that could be judged since the last turn
	signatures []string       // that pages showed
}

// turn is one commit.
type turn struct {
	draft            bool
	began, committed time.Time
	window           time.Duration // within which every replica knows
}

// turnsTo commits a turn, and waits until everybody has had answers that can be judged.
func (f *turning) turnsTo(draft bool, window time.Duration) {
	f.Helper()
	f.mu.Lock()
	f.judged = map[string]int{}
	f.turns = append(f.turns, turn{draft: draft, window: window, began: time.Now()})
	now := &f.turns[len(f.turns)-1]
	f.mu.Unlock()
	f.exec(`UPDATE main_project SET draft = $1 WHERE id = 2`, draft)
	f.mu.Lock()
	now.committed = time.Now()
	f.mu.Unlock()
	f.eventually(fmt.Sprintf("answers after the project turned draft %t", draft), func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		least := 5
		for i := range f.replicas {
			for _, who := range []string{"anybody's page", "a member's page", "a route URL", "a signed URL"} {
				least = min(least, f.judged[fmt.Sprintf("%s at replica %d", who, i)])
			}
		}
		return least == 5
	})
}

// judge judges an answer that was asked for at a moment, where it is certain what the project
// was all the while: wrong says what is wrong with it.
func (f *turning) judge(who string, asked time.Time, wrong func(draft bool) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.turns[len(f.turns)-1]
	if last.committed.IsZero() {
		return
	}
	late := asked.Sub(last.committed) - f.stalls.Since(last.committed)
	if late <= last.window {
		return
	}
	f.judged[who]++
	if what := wrong(last.draft); what != "" {
		f.Errorf("%s, asked for %v after the project turned draft %t: %s", who, late, last.draft, what)
	}
}

// asks asks one replica for everything until ctx ends.
func (f *turning) asks(ctx context.Context, asking *sync.WaitGroup, number int, base string) {
	every := func(what string, target func() string, header []string, wrong func(draft bool, r *http.Response, body string) string) {
		asking.Go(func() {
			for again := time.NewTicker(40 * time.Millisecond); ; {
				select {
				case <-ctx.Done():
					again.Stop()
					return
				case <-again.C:
				}
				asked, path := time.Now(), target()
				if path == "" {
					continue
				}
				response, body, err := getOnce(base+path, header...)
				if err != nil {
					f.Errorf("%s: %v", what, err)
					return
				}
				f.judge(fmt.Sprintf("%s at replica %d", what, number), asked, func(draft bool) string { return wrong(draft, response, body) })
			}
		})
	}
	page := func(draft bool, _ *http.Response, body string) string {
		switch {
		case draft && strings.Contains(body, "/media/thumbnails/"):
			return "it shows public files of a draft: " + body
		case !draft && strings.Contains(body, "signature="):
			return "what is public is signed: " + body
		}
		return ""
	}
	every("anybody's page", func() string { return anybodysPage }, nil, page)
	every("a member's page", func() string { return membersPage }, []string{"Authorization", owner}, func(draft bool, r *http.Response, body string) string {
		if draft {
			f.note(f.thumbnailsOf([]byte(body)))
		}
		return page(draft, r, body)
	})
	every("a route URL", func() string {
		return fmt.Sprintf("/api/v2/captures/thumbnails/%d/?label=%s", f.anyCapture(), []string{"small", "medium"}[rand.N(2)])
	}, nil, func(draft bool, r *http.Response, body string) string {
		if draft && (r.Header.Get("Location") != "" || strings.HasPrefix(r.Header.Get("Content-Type"), "image/")) {
			return fmt.Sprintf("a draft is given to anybody: %s %v", r.Status, r.Header)
		}
		return ""
	})
	every("a signed URL", f.anySigned, nil, func(draft bool, r *http.Response, body string) string {
		location, file := r.Header.Get("Location"), strings.Contains(r.Header.Get("Cache-Control"), "no-transform")
		switch {
		case draft && (location != "" || r.StatusCode != http.StatusOK && r.StatusCode != http.StatusServiceUnavailable):
			return fmt.Sprintf("a member is given %s %s: %v", r.Status, location, r.Header)
		case !draft && file:
			return fmt.Sprintf("a private file is given of what is public: %v", r.Header)
		}
		return ""
	})
}

func getOnce(target string, header ...string) (*http.Response, string, error) {
	request, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return nil, "", err
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := noRedirects.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

func (f *turning) anyCapture() int64 { return f.captures[rand.N(len(f.captures))] }

// note remembers what a page shows. The caller holds mu.
func (f *turning) note(shown map[int64]map[string]string) {
	for _, labels := range shown {
		for label, target := range labels {
			if path, ok := strings.CutPrefix(target, publicURL); ok && label != "large" && len(f.signatures) < 100 {
				f.signatures = append(f.signatures, path)
			}
		}
	}
}

func (f *turning) anySigned() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.signatures) == 0 {
		return ""
	}
	return f.signatures[rand.N(len(f.signatures))]
}

// changes has originals change until ctx ends, so that there is always something to render.
func (f *turning) changes(ctx context.Context) {
	for again := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			again.Stop()
			return
		case <-again.C:
		}
		if _, err := f.pool.Exec(ctx, `UPDATE main_sourceimage SET last_modified = now() WHERE id = $1`, f.anyCapture()); err != nil && ctx.Err() == nil {
			f.Error(err)
		}
	}
}
