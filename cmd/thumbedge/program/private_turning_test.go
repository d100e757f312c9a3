package program_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
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

// pagesAsTheyWere has the app give each page of a list as it was when it was asked for
// first: those that are in hand when a project turns are like that.
func pagesAsTheyWere(s *site) {
	app := s.app.Handler()
	lists := &recordedApp{app: app, answers: map[string]*httptest.ResponseRecorder{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RequestURI, "/api/v2/captures/?") {
			lists.ServeHTTP(w, r)
		} else {
			app.ServeHTTP(w, r)
		}
	}))
	s.Cleanup(server.Close)
	s.file.Upstream.URL = server.URL
}

// The two pages: as anybody got it while the project was public, and as a member got it
// while it was a draft.
const (
	anybodysPage = "/api/v2/captures/?project_id=2&limit=100&of=anybody"
	membersPage  = "/api/v2/captures/?project_id=2&limit=100&of=member"
)

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

// Each row that is written, with the moment and what the project is at that moment.
const recordRows = `
CREATE TABLE written (at timestamptz, private boolean, draft boolean, path text);
CREATE FUNCTION record_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO written SELECT clock_timestamp(), TG_TABLE_NAME = 'private_thumbnail', coalesce(p.draft, true), NEW.path
	FROM main_sourceimage c LEFT JOIN main_project p ON p.id = c.project_id WHERE c.id = NEW.source_image_id;
	RETURN NULL;
END $$;
CREATE TRIGGER record_written AFTER INSERT OR UPDATE ON main_sourceimagethumbnail FOR EACH ROW EXECUTE FUNCTION record_written();
CREATE TRIGGER record_written AFTER INSERT OR UPDATE ON thumbedge.private_thumbnail FOR EACH ROW EXECUTE FUNCTION record_written();`

// TestProjectTurnsUnderLoadOnTwoReplicas: while pages, images and renders are in hand on two
// replicas, a project turns draft, public, and draft again, with notifications heard, with
// nothing but silence on their connection, with that cut, and with its backend ended.
// Within the window that the runbook states, no replica gives anything public of the draft,
// nor signs or gives anything private of what is public. No private row or file is ever
// where the public ones are, nor a public one where those are.
func TestProjectTurnsUnderLoadOnTwoReplicas(t *testing.T) {
	t.Parallel()
	const heard, unheard = time.Second, 2 * time.Second
	var links []*testenv.FaultyLink
	s := newPrivateSite(t, pagesAsTheyWere, with(func(file *config.File) {
		file.Cache.TTLUnlistened = unheard
		file.Database.PageTimeout = 5 * time.Second // a busy machine is no database that is away
	}), func(s *site) { links = append(links, listensThrough(s, s.file)) })
	other := s.another(func(file *config.File) {
		file.Database.ListenURL = s.database
		links = append(links, listensThrough(s, file))
	})
	other.log = s.log
	f := &turning{site: s, replicas: []*site{s, other}, captures: s.captures(6), stalls: testenv.WatchStalls(t), judged: map[string]int{}}
	f.exec(recordRows)
	f.signs()
	f.eventually("both sign", func() bool { // and the member's page is recorded, of the draft
		_, one := s.as(owner, membersPage)
		_, two := other.as(owner, membersPage)
		return strings.Contains(one, "signature=") && strings.Contains(two, "signature=")
	})
	f.exec(`UPDATE main_project SET draft = false WHERE id = 2`)
	for _, r := range f.replicas { // anybody's page is recorded, of what is public
		if _, body := r.as("", anybodysPage); !strings.Contains(body, "/thumbnails/") {
			t.Fatalf("anybody's page is %s", body)
		}
	}
	f.exec(`UPDATE main_project SET draft = true WHERE id = 2`)
	f.turns = []turn{{draft: true, began: time.Now(), committed: time.Now(), window: unheard}}

	ctx, stop := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	defer asking.Wait()
	defer stop()
	asking.Go(func() { f.changes(ctx) })
	for i, r := range f.replicas {
		f.asks(ctx, &asking, i, r.url)
	}
	f.eventually("pages have shown signed URLs", func() bool { return f.anySigned() != "" })
	for _, c := range []struct {
		what      string
		cut, mend func()
		window    time.Duration
	}{
		{"heard", func() {}, func() {}, heard},
		{"silence at one", func() { links[0].Set(silence...) }, func() { links[0].Down(); links[0].Set(); links[0].Up() }, unheard},
		{"cut at both", func() { links[0].Down(); links[1].Down() }, func() { links[0].Up(); links[1].Up() }, unheard},
		{"ended by the database", func() {
			if n := one[int](s, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'thumbedge listener'`); n < 2 {
				t.Errorf("%d connections were ended", n)
			}
		}, func() {}, unheard},
	} {
		for _, draft := range []bool{false, true} {
			c.cut()
			f.turnsTo(draft, c.window)
			c.mend()
			f.eventually("notifications arrive again: "+c.what, func() bool {
				return s.program.WarmSet().State().Connected && other.program.WarmSet().State().Connected
			})
		}
	}
	stop()
	asking.Wait()
	f.wroteWhereItBelongs()
	f.keepsSecrets()
}

// wroteWhereItBelongs judges the rows that were written all the while, and the files.
func (f *turning) wroteWhereItBelongs() {
	f.Helper()
	var public, private int
	rows, err := f.pool.Query(f.Context(), `SELECT at, private, draft, path FROM written ORDER BY at`)
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	privatePaths := map[string]bool{}
	for rows.Next() {
		var at time.Time
		var ofPrivate, draft bool
		var path string
		if err := rows.Scan(&at, &ofPrivate, &draft, &path); err != nil {
			f.Fatal(err)
		}
		if ofPrivate {
			private++
			privatePaths[path] = true
		} else {
			public++
		}
		if ofPrivate == draft {
			continue
		}
		// It turned between the statement's look and its row.
		just := false
		for _, turn := range f.turns {
			just = just || turn.draft == draft && at.Sub(turn.began) > -time.Millisecond && at.Sub(turn.committed) < time.Second
		}
		if !just {
			f.Errorf("at %v a row of %s was written, private %t, draft %t", at, path, ofPrivate, draft)
		}
	}
	if public < 10 || private < 10 {
		f.Errorf("%d public and %d private rows were written: too few to judge by", public, private)
	}
	err = filepath.WalkDir(f.file.Storage.Root, func(path string, entry fs.DirEntry, err error) error {
		if relative, _ := filepath.Rel(f.file.Storage.Root, path); privatePaths[relative] {
			f.Errorf("%s lies in public storage", relative)
		}
		return err
	})
	if err != nil {
		f.Error(err)
	}
}

// listensThrough has a configuration listen through a link of its own.
func listensThrough(s *site, file *config.File) *testenv.FaultyLink {
	server, err := url.Parse(s.database)
	if err != nil {
		s.Fatal(err)
	}
	link := testenv.Toxiproxy(s, server.Host)
	file.Database.ListenURL = linkTo(s, s.database, link.Address)
	return link
}
