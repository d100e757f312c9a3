package program_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/cli"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// TestStatusPageShowsPrivateReconcile: the status page tells what reconcile found in private
// storage beside what it found in public.
func TestStatusPageShowsPrivateReconcile(t *testing.T) {
	t.Parallel()
	s := newPrivateSite(t)
	ids := s.captures(3)
	s.warmed(ids...)
	gone := one[string](s, `SELECT path FROM thumbedge.private_thumbnail WHERE source_image_id = $1`, ids[0])
	s.lose(gone)
	s.reconcile()
	tab := testenv.Browser(t)
	tab.Open("http://" + s.program.AdminAddr() + "/")
	tab.Wait(`document.querySelectorAll("#reconcile table").length == 2`)
	var shown struct{ Title, Public, Private string }
	tab.Eval(`({title: document.querySelector("#reconcile h3").innerText, public: document.querySelectorAll("#reconcile table")[0].innerText,
		private: document.querySelectorAll("#reconcile table")[1].innerText})`, &shown)
	for _, c := range []struct{ what, text, want string }{
		{"title", shown.Title, "Private thumbnails"},
		{"public", shown.Public, "rows, files looked at\t0, 0"},
		{"private", shown.Private, "rows, files looked at\t3, 2"},
		{"private", shown.Private, "rows whose file is gone\t1"},
	} {
		if !strings.Contains(c.text, c.want) {
			t.Errorf("%s shows %q, want %q", c.what, c.text, c.want)
		}
	}
}

// TestExplainShowsPrivateRows: of a draft's capture, the command line says its private row,
// whether the file is there, what failed, and what a signed request gets, which is so. It
// asks the process that serves, or, where none does, the database and the storage.
func TestExplainShowsPrivateRows(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]siteOption{"filesystem": signing, "s3": onPrivateS3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPrivateSite(t, option, with(func(f *config.File) {
				f.Source.RetryAfter, f.Server.Admin.Listen = time.Hour, testenv.FreeAddress(t)
			}))
			ids := s.captures(4)
			warm, gone, broken, cold := ids[0], ids[1], ids[2], ids[3]
			s.exec(`UPDATE main_sourceimage SET public_base_url = 'http://user:hunter2@127.0.0.1:9/' WHERE id = $1`, broken)
			targets := s.signedLabels(owner)
			for _, id := range []int64{warm, gone, broken} {
				s.get(s.url + targets[id]["small"])
			}
			file := func(id int64) string {
				return one[string](s, `SELECT path FROM thumbedge.private_thumbnail WHERE source_image_id = $1`, id)
			}
			s.lose(file(gone))
			kept, lost := "200 with the file", "503, until reconcile"
			if name == "s3" {
				kept = "302 to " + s.file.Storage.Private.Endpoint + "/"
				lost = kept
			}
			for _, serves := range []bool{true, false} {
				path := s.writeConfig()
				if !serves {
					other := *s.file
					other.Server.Admin.Listen = testenv.FreeAddress(t)
					path = (&site{T: t, file: &other}).writeConfig()
				}
				explained := func(id int64) string {
					var out, errs bytes.Buffer
					env := cli.Env{Version: "test", Stdout: &out, Stderr: &errs, LookupEnv: os.LookupEnv}
					if code := cli.Main(context.Background(), env, []string{"explain", fmt.Sprint(id), "--config", path}); code != 0 {
						t.Fatalf("explain: %s", &errs)
					}
					small, _, _ := strings.Cut(out.String(), "\nmedium ")
					return small
				}
				for what, c := range map[string]struct {
					id    int64
					wants []string
				}{
					"warm":    {warm, []string{"draft", file(warm), "file     there", "signed: " + kept}},
					"gone":    {gone, []string{"draft", file(gone), "file     missing", "signed: " + lost, "until reconcile --apply"}},
					"broken":  {broken, []string{"draft", "there is no row"}},
					"cold":    {cold, []string{"draft", "there is no row", "signed: the file, once it is rendered"}},
					"serving": {cold, []string{map[bool]string{true: "of this process", false: "no thumbedge serves here"}[serves]}},
				} {
					if what == "broken" && serves {
						c.wants = append(c.wants, "failed ", "signed: 503, and a member's page keeps its null")
					}
					text := explained(c.id)
					for _, want := range c.wants {
						if !strings.Contains(text, want) {
							t.Errorf("%s, serving %t: %q is not in\n%s", what, serves, want, text)
						}
					}
					if strings.Contains(text, "hunter2") || anySignature.MatchString(text) {
						t.Errorf("%s: a secret is told:\n%s", what, text)
					}
				}
			}
			for id, want := range map[int64]int{warm: http.StatusOK, gone: http.StatusServiceUnavailable, broken: http.StatusServiceUnavailable, cold: http.StatusOK} {
				if name == "s3" && want == http.StatusOK || name == "s3" && id == gone {
					want = http.StatusFound
				}
				if response, _ := s.get(s.url + targets[id]["small"]); response.StatusCode != want {
					t.Errorf("capture %d: %s, want %d", id, response.Status, want)
				}
			}
			if labels := s.signedLabels(owner)[broken]; len(labels) != 0 {
				t.Errorf("the broken one's null is filled: %v", labels)
			}
		})
	}
}

// lose removes a private file by hand.
func (s *site) lose(path string) {
	s.Helper()
	storage, _, err := program.NewPrivateStorage(s.Context(), s.file, s.logger())
	if err != nil {
		s.Fatal(err)
	}
	defer storage.Close()
	if err := storage.Delete(s.Context(), path); err != nil {
		s.Fatal(err)
	}
}
