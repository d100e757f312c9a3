package program_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// unmigrated takes the migrations back before thumbedge starts.
func unmigrated(s *site) {
	m, err := migrations.New(s.database, migrations.Names(postgres.Antenna), nil)
	if err != nil {
		s.Fatal(err)
	}
	if err := m.Down(s.Context(), 0); err != nil {
		s.Fatal(err)
	}
	s.unlistened = true
}

// asRole has thumbedge connect as a role of the test's own, that has these rights.
func asRole(rights string) siteOption {
	return func(s *site) {
		u, err := url.Parse(s.database)
		if err != nil {
			s.Fatal(err)
		}
		role := "te_site" + strings.TrimPrefix(u.Path, "/te")
		s.exec(`CREATE ROLE ` + role + ` LOGIN PASSWORD 'moth'`)
		s.exec(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ` + role)
		s.exec(`GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ` + role)
		for _, right := range strings.Split(rights, ";") {
			s.exec(strings.ReplaceAll(right, "ROLE", role))
		}
		s.Cleanup(func() {
			for _, sql := range []string{`DROP OWNED BY `, `DROP ROLE `} {
				if _, err := s.pool.Exec(context.Background(), sql+role); err != nil {
					s.Error(err)
				}
			}
		})
		u.User = url.UserPassword(role, "moth")
		s.file.Database.URL = u.String()
	}
}

// TestDegradedDatabase: a database without the migrations, or that gives few rights,
// has thumbedge work as the documents say: pages are right and warm, a change shows
// within cache.ttl_unlistened where it is not notified, a thumbnail is rendered whether
// it can be recorded or not. The log says so once, /readyz and the metrics always.
func TestDegradedDatabase(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options  []siteOption
		triggers bool
		writes   bool
	}{
		"without the migrations": {[]siteOption{unmigrated}, false, true},
		// The role could not install them either.
		"without the right to create them": {[]siteOption{unmigrated, asRole(`REVOKE CREATE ON SCHEMA public FROM ROLE`)}, false, true},
		"a role that only reads":           {[]siteOption{asRole(`REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM ROLE; GRANT USAGE ON SCHEMA thumbedge TO ROLE; GRANT SELECT ON ALL TABLES IN SCHEMA thumbedge TO ROLE`)}, true, false},
		"a role that reads by default": {[]siteOption{asRole(`GRANT USAGE ON SCHEMA thumbedge TO ROLE; GRANT ALL ON ALL TABLES IN SCHEMA thumbedge TO ROLE;
			ALTER USER ROLE SET default_transaction_read_only = on`)}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, append(c.options, with(func(f *config.File) { f.Cache.TTLUnlistened = 300 * time.Millisecond }))...)
			s.worksDegraded(c.writes)
			s.saysDegraded(c.triggers, strings.Contains(name, "by default"))
		})
	}
}

func (s *site) worksDegraded(writes bool) {
	s.Helper()
	warm, cold := s.capture(), s.capture()
	s.row(warm, "small", 240)
	if page := s.page(s.url, ""); !bytes.Contains(page, []byte("/media/thumbnails/capture_")) || !bytes.Equal(s.asTheAppWroteIt(page), s.appsPage("")) {
		s.Errorf("the page is not a rewrite of the app's: %s", page)
	}
	s.exec(`UPDATE main_sourceimagethumbnail SET path = 'thumbnails/capture_7000/small.jpg' WHERE source_image_id = $1`, warm)
	s.eventually("a change shows", func() bool { return bytes.Contains(s.page(s.url, ""), []byte("/capture_7000/small.jpg")) })

	response, body := s.get(s.route(cold, "?label=small"))
	want := http.StatusFound
	if !writes {
		want = http.StatusOK // the picture itself
	}
	if response.StatusCode != want {
		s.Errorf("a cold thumbnail is %s, want %d: %.200s", response.Status, want, body)
	}
	if rows := one[int](s, `SELECT count(*) FROM main_sourceimagethumbnail WHERE source_image_id = $1`, cold); (rows == 1) != writes {
		s.Errorf("%d rows of the rendered capture", rows)
	}
}

func (s *site) saysDegraded(triggers, readOnly bool) {
	s.Helper()
	for range 3 {
		response, body := s.get("http://" + s.program.AdminAddr() + "/readyz")
		var ready admin.Readiness
		if err := json.Unmarshal(body, &ready); err != nil || response.StatusCode != http.StatusOK {
			s.Fatalf("readyz: %s %s", response.Status, body)
		}
		states := map[string]string{}
		for _, part := range ready.Parts {
			states[part.Name] = part.State
		}
		if states["schema"] != "degraded" || (states["notifications"] == "ok") != triggers || (states["database"] == "degraded") != readOnly {
			s.Errorf("readyz says %s", body)
		}
	}
	if schema, notify := s.metric(`thumbedge_database_installed{part="schema"}`), s.metric(`thumbedge_database_installed{part="triggers"}`); schema != 0 || (notify == 1) != triggers {
		s.Errorf("the metrics say schema %v and triggers %v", schema, notify)
	}
	if n := s.log.count("schema thumbedge is missing"); n != 1 {
		s.Errorf("the schema is warned of %d times", n)
	}
	if n := s.log.count("notify triggers are missing"); (n == 1) == triggers || n > 1 {
		s.Errorf("the triggers are warned of %d times", n)
	}
}
