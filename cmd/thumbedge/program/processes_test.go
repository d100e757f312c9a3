package program_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// behindPooler has the replicas talk to the database through a pgbouncer that gives
// each transaction another connection; notifications need a direct one.
func behindPooler(s *site) {
	s.file.Database.ListenURL = s.file.Database.URL
	s.file.Database.URL, s.file.Database.Pooler = testenv.Pgbouncer(s.T, s.database), true
}

// TestThreeServesOneColdGallery: three processes, each asked for the whole of a cold
// gallery at the same time. Each original is fetched once, and every client is sent
// to the same file. Then one of the three is killed in the middle of another gallery:
// the others finish it, and only what the dead one had in hand is fetched again.
func TestThreeServesOneColdGallery(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]siteOption{
		"S3":              {onS3},
		"behind a pooler": {behindPooler},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, append(options, unstarted, with(func(f *config.File) {
				f.Render.Workers, f.Render.MaxWait = 1, time.Minute
			}))...)
			replicas := []*replica{s.serve(), s.serve(), s.serve()}
			s.url = replicas[2].url
			s.captures(20)
			release := s.originals.hold()
			defer release()
			answers := openOnAll(replicas, "limit=20")
			for _, r := range replicas {
				r.hasAskedForAll(1)
			}
			release()
			wantTheSame(s, answers())
			fetched := s.originals.reset()
			for path, n := range fetched {
				if n != 1 {
					t.Errorf("%s was fetched %d times", path, n)
				}
			}
			if len(fetched) != 20 {
				t.Errorf("%d originals were fetched of 20", len(fetched))
			}
			killInTheMidst(s, replicas)
			if n := s.app.Counters().Thumbnail; n != 0 {
				t.Errorf("%d thumbnail requests reached the app", n)
			}
		})
	}
}

// killInTheMidst opens a gallery on the first replica, which takes as many captures
// in hand as it may, then on the others; then it kills the first.
func killInTheMidst(s *site, replicas []*replica) {
	s.Helper()
	s.project = one[int64](s, `INSERT INTO main_project (id, name, draft) VALUES (3, 'another', false) RETURNING id`)
	s.captures(20)
	fetched := func(n int) func() bool { return func() bool { return s.originals.fetches() == n } }
	release := s.originals.hold()
	defer release()

	first, others := replicas[0], replicas[1:]
	var dying sync.WaitGroup
	dying.Go(func() { first.gallery("project_id=3&limit=20") })
	const inHand = 6 // by a replica with one worker
	s.eventually("the first replica has its hands full", fetched(inHand))
	held := s.originals.byPath()
	answers := openOnAll(others, "project_id=3&limit=20")
	s.eventually("so have the others", fetched(3*inHand))
	for _, r := range others {
		r.hasAskedForAll(2)
	}

	first.kill()
	killed := time.Now()
	dying.Wait()
	if left := one[float64](s, `SELECT coalesce(max(extract(epoch FROM until - clock_timestamp())), 0) FROM thumbedge.lease`); left > 10 {
		s.Errorf("a lease lasts %.1f s more, want 10 s at most", left)
	}
	release()
	s.eventually("another replica takes over", fetched(20+inHand))
	s.Logf("all that the dead one held was taken over after %v", time.Since(killed))
	wantTheSame(s, answers())
	for path, n := range s.originals.byPath() {
		if want := 1 + held[path]; n != want {
			s.Errorf("%s was fetched %d times, want %d", path, n, want)
		}
	}
}

// openOnAll opens a gallery on all replicas at once, and returns what waits for what
// each answers.
func openOnAll(replicas []*replica, query string) (wait func() []map[string]string) {
	answers := make([]map[string]string, len(replicas))
	var clients sync.WaitGroup
	for i, r := range replicas {
		clients.Go(func() { answers[i] = r.gallery(query) })
	}
	return func() []map[string]string {
		clients.Wait()
		return answers
	}
}

// hasAskedForAll waits until every image of so many galleries has been asked for: the
// first of a capture begins to work on it, the others join.
func (r *replica) hasAskedForAll(galleries int64) {
	r.Helper()
	joined := galleries * 20 * int64(len(r.file.Thumbnails)-1)
	r.eventually("all images are asked for", func() bool { return r.metric("thumbedge_cold_coalesced_total") == joined })
}

// wantTheSame checks that every replica sent its clients to the same files, and that
// they are there.
func wantTheSame(s *site, answers []map[string]string) {
	s.Helper()
	if images := 20 * len(s.file.Thumbnails); len(answers[0]) != images {
		s.Errorf("the gallery has %d images, want %d", len(answers[0]), images)
	}
	for name, answer := range answers[0] {
		location, redirected := strings.CutPrefix(answer, "302 ")
		if !redirected {
			s.Errorf("%s is %q", name, answer)
			continue
		}
		for _, others := range answers[1:] {
			if others[name] != answer {
				s.Errorf("%s is %q at one replica, %q at another", name, answer, others[name])
			}
		}
		s.fetch(location)
	}
}
