package program_test

import (
	"context"
	"io/fs"
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
