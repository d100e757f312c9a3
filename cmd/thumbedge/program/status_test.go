package program_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
	"github.com/thumbedge/thumbedge/imaging/filesystem"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// TestStatusPage opens the page of a proxy under load, resizes the warm set from it, and
// leaves pictures of it.
func TestStatusPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(s *site) { s.historyStep = 250 * time.Millisecond }, with(func(f *config.File) {
		f.Server.Admin.Token, f.Cache.MaxSize = "hunter2", 2<<20
		f.Responses.AnonymousPages = time.Second
	}))
	s.night(8000)
	s.reconcile()
	defer s.load()()
	s.get(s.url + "/nothing/here/")

	base := "http://" + s.program.AdminAddr()
	tab := testenv.Browser(t)
	tab.Open(base + "/")
	tab.Wait(`document.querySelectorAll("#parts li").length >= 6`)
	var shown struct {
		Ready, Parts, Config, Warm, Advice, Reconcile, Responses string
		Saved, Change, Runbook                                   string
		Limits, Overflow, Points                                 int
		State                                                    struct{ Hits, Misses, SavedBytes int64 }
	}
	const read = `({
		ready: document.getElementById("ready").textContent,
		parts: document.getElementById("parts").innerText,
		config: document.getElementById("config").textContent,
		saved: document.getElementById("saved").innerText,
		change: document.getElementById("change").innerText,
		runbook: document.querySelector("#change a").getAttribute("href"),
		warm: document.getElementById("warm").innerText,
		advice: document.getElementById("advice").textContent,
		reconcile: document.getElementById("reconcile").innerText,
		responses: document.getElementById("responses").innerText,
		state: { hits: shown.responses.hits, misses: shown.responses.misses, savedBytes: shown.responses.saved_bytes },
		limits: document.querySelectorAll("#limits meter").length,
		points: document.querySelectorAll("#curve circle").length,
		overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
	})`
	s.lookUp(1000) // the advice is worth a word from then on
	s.eventually("there is something to be seen", func() bool { return s.metric("thumbedge_cold_labels_total{outcome=\"made\"}") >= 20 })
	tab.Eval(`refresh().then(() => true)`, new(any))
	tab.Eval(read, &shown)
	if shown.Ready != "ready" || shown.Limits < 10 || shown.Points != 2*12 || !strings.Contains(shown.Advice, "At 2 MiB ") {
		t.Errorf("%+v", shown)
	}
	for _, part := range []string{"app", "database", "notifications", "schema", "storage", "spool", "engine"} {
		if !strings.Contains(shown.Parts, part) {
			t.Errorf("the parts lack %s: %s", part, shown.Parts)
		}
	}
	if !strings.Contains(shown.Saved, "The app was spared up to ") || !strings.Contains(shown.Saved, "The response cache answered ") ||
		!strings.Contains(shown.Change, "The last reconcile was refused: ") || !strings.HasPrefix(shown.Runbook, "/runbook#") {
		t.Errorf("what it saves: %s; what to change: %s, %s", shown.Saved, shown.Change, shown.Runbook)
	}
	hits, misses := humanize.Comma(shown.State.Hits), humanize.Comma(shown.State.Misses)
	for _, told := range []string{"of 64 MiB", "\nfresh, stale\t" + hits + ", ", "\nmisses, not for a cache\t" + misses + ", ", "\nthe app was saved\t", "MiB of bodies", "\nanonymous pages\tshared", "\nsize\t", "\nwithout the app at 128 MiB\t"} {
		if shown.State.Hits == 0 || shown.State.Misses == 0 || !strings.Contains(shown.Responses, told) {
			t.Errorf("of the response cache (%+v) it does not say %q: %q", shown.State, told, shown.Responses)
		}
	}
	for _, told := range []string{"dry run", "rows whose file is gone\t8,000", "files that no row names"} {
		if !strings.Contains(shown.Reconcile, told) {
			t.Errorf("of the last reconcile it does not say %q: %q", told, shown.Reconcile)
		}
	}
	if !strings.Contains(shown.Config, "server.admin_token(hidden)") || strings.Contains(shown.Config, "hunter2") {
		t.Errorf("the configuration is not shown, or the token is: %s", shown.Config)
	}
	for _, picture := range []struct {
		name, scheme string
		width        int
	}{{"status_light", "light", 1280}, {"status_dark", "dark", 1280}, {"status_phone", "light", 400}, {"status_phone_dark", "dark", 400}} {
		keep(t, picture.name+".png", tab.Screenshot(picture.width, picture.scheme))
		if tab.Eval(read, &shown); shown.Overflow > 0 {
			t.Errorf("%s: the page is %d pixels wider than its window", picture.name, shown.Overflow)
		}
	}

	s.resizesFromThePage(tab)
	for _, r := range tab.Requests() {
		if !strings.HasPrefix(r.URL, base+"/") && !strings.HasPrefix(r.URL, "data:") || r.Status >= 400 && r.Method == http.MethodGet {
			t.Errorf("the page asked for %s: %d", r.URL, r.Status)
		}
	}
}

// resizesFromThePage types sizes into the page's form: with JavaScript, as a plain form,
// and one that is refused.
func (s *site) resizesFromThePage(tab *testenv.Tab) {
	s.Helper()
	holds := func(want int64) {
		s.Helper()
		if size := s.program.WarmSet().State().MaxSize; size != want {
			s.Errorf("the page resized the warm set to %d, not to %d", size, want)
		}
	}
	tab.Type("#size", "96MiB")
	tab.Wait(`document.getElementById("resized").textContent === "now 96 MiB"`)
	tab.Wait(`document.getElementById("warm").innerText.includes("of 96 MiB")`)
	holds(96 << 20)
	tab.Type("#size", "7KiB")
	tab.Wait(`document.getElementById("resized").textContent.startsWith("not resized: cache.max_size")`)
	holds(96 << 20)

	tab.Scripts(false)
	tab.Open("http://" + s.program.AdminAddr() + "/")
	pages := func() (n int) {
		for _, r := range tab.Requests() {
			if r.URL == "http://"+s.program.AdminAddr()+"/" && r.Method == http.MethodGet && r.Status == http.StatusOK {
				n++
			}
		}
		return n
	}
	before := pages()
	tab.Type("#size", "48MiB")
	s.eventually("the plain form resizes", func() bool { return s.program.WarmSet().State().MaxSize == 48<<20 })
	s.eventually("it leads back to the page", func() bool { return pages() > before })
	tab.Scripts(true)
	tab.Open("http://" + s.program.AdminAddr() + "/")
	tab.Wait(`document.getElementById("warm").innerText.includes("of 48 MiB")`)
}

// reconcile looks at every row and file, and changes nothing; in private storage too,
// where there is one.
func (s *site) reconcile() {
	s.Helper()
	cfg := s.file.Postgres()
	store, err := postgres.New(cfg, s.pool, s.logger(), postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		s.Fatal(err)
	}
	run := func(rows reconcile.Database, files filesystem.Config, cfg reconcile.Config) {
		storage, err := filesystem.New(files)
		if err != nil {
			s.Fatal(err)
		}
		defer storage.Close()
		cfg.Specs, cfg.Rate, cfg.Grace = s.file.Thumbnails, 1_000_000, time.Hour
		if _, err := reconcile.Run(s.Context(), cfg, rows, storage, func(reconcile.Progress) {}); err != nil {
			s.Fatal(err)
		}
	}
	run(store, s.file.Storage.Filesystem, reconcile.Config{Keys: cfg.Keys})
	if private := &s.file.Storage.Private; private.Configured() {
		run(store.Private(), private.FilesystemConfig(), reconcile.Config{Keys: private.Prefix, Private: true})
	}
}

// night adds n captures, each with two warm thumbnails and a cold one.
func (s *site) night(n int) {
	s.Helper()
	s.exec(`INSERT INTO main_sourceimage (path, public_base_url, timestamp, width, height, size, last_modified, project_id)
		SELECT 'night/' || i || '.jpg', $1, '2026-06-12 23:00'::timestamptz + i * interval '1 second', 640, 480, 1, '2026-06-12', $2 FROM generate_series(1, $3) i`,
		s.originals.URL+"/", s.project, n)
	s.exec(`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
		SELECT now(), now(), format('thumbnails/capture_%s/small_%s.jpg', id, lpad(to_hex(id), 16, '0')), 'small', 240, 10, 10, last_modified, id FROM main_sourceimage`)
}

// lookUp looks up the captures of so many pages of a night, the first ones the most, without
// the app: it would take its time over them.
func (s *site) lookUp(pages int64) {
	s.Helper()
	rnd := rand.New(rand.NewPCG(7, 7))
	ids := make([]thumb.ID, 20)
	for s.program.WarmSet().Curve().Pages < pages {
		first := 1 + 20*int(400*math.Pow(rnd.Float64(), 3))
		for i := range ids {
			ids[i] = thumb.ID(first + i)
		}
		if err := s.program.WarmSet().Resolve(s.Context(), ids, make([]thumb.Known, len(ids))); err != nil {
			s.Fatal(err)
		}
	}
}

// load asks for pages, the first ones the most, and for thumbnails that are cold, until
// the function that it returns is called.
func (s *site) load() (end func()) {
	ctx, cancel := context.WithCancel(s.Context())
	var all sync.WaitGroup
	for client := range uint64(6) {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(client, 0))
			for i := 0; ctx.Err() == nil; i++ {
				target := fmt.Sprintf("%s/api/v2/captures/?limit=20&offset=%d", s.url, 20*int(400*math.Pow(rnd.Float64(), 3)))
				if i%40 == 0 {
					target = s.route(1+rnd.Int64N(8000), "?label=medium")
				}
				request, _ := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
				if response, err := noRedirects.Do(request); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// keep leaves a file among the artefacts of the test run.
func keep(t *testing.T, name string, contents []byte) {
	t.Helper()
	folder := filepath.Join("..", "..", "..", "artefacts")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), contents, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestStatusPageSaysWhatThereIsToGain: in front of an app whose pages have no route URLs
// the page says what remains.
func TestStatusPageSaysWhatThereIsToGain(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(s *site) { s.historyStep = 250 * time.Millisecond })
	s.captures(1)
	tab := testenv.Browser(t)
	tab.Open("http://" + s.program.AdminAddr() + "/")
	for range 9 {
		s.page(s.url, "limit=1&offset=1000")
	}
	s.page(s.url, "limit=1")
	s.eventually("the page says it", func() bool {
		var told string
		tab.Eval(`refresh().then(() => document.getElementById("gain").textContent)`, &told)
		return strings.HasPrefix(told, "90.0 % of the hour's pages had no route URL. Where the app writes storage URLs itself")
	})
}
