package program_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/imaging"
)

// flipped is a site with one project that turns draft or public, and three captures in it.
type flipped struct {
	*site
	captures []int64
}

// newFlipped makes one, whose project is a draft or public at first. Nothing serves it yet.
func newFlipped(t *testing.T, draft bool) *flipped {
	f := &flipped{site: newPrivateSite(t, unstarted, with(func(f *config.File) { f.Storage.DeleteAfter = 2 * time.Second }))}
	f.captures = f.site.captures(3)
	f.flip(draft)
	storage, _, _, err := program.NewStorage(t.Context(), f.file, f.logger())
	if err != nil {
		t.Fatal(err)
	}
	defer storage.Close()
	if err := storage.SetSite(t.Context(), string(f.file.Storage.Prefix), "TESTSITE"); err != nil { // or no file of it would be deleted
		t.Fatal(err)
	}
	return f
}

func (f *flipped) flip(draft bool) {
	f.Helper()
	f.exec(`UPDATE main_project SET draft = $1 WHERE id = 2`, draft)
}

// servesUntil starts a process that waits to be killed where a step is over, "" for none;
// reached says whether it waits there.
func (f *flipped) servesUntil(step string) (r *replica, reached func() bool) {
	f.Helper()
	file := filepath.Join(f.TempDir(), "reached")
	env := []string{serveVariable + "=" + f.writeConfig()}
	if step != "" {
		env = append(env, "THUMBEDGE_TEST_STOP_AT="+step+":"+file)
	}
	r = f.serveBy(exec.Command(os.Args[0]), env...)
	f.url = r.url
	return r, func() bool { _, err := os.Stat(file); return err == nil }
}

// gallery gets every image, as a member of a draft does or as anybody does of what is
// public, and returns when all are there.
func (f *flipped) gallery(draft bool) {
	f.Helper()
	f.eventually(fmt.Sprintf("every image is there, draft %t", draft), func() bool {
		var targets []string
		who := ""
		if draft {
			who = owner
		}
		_, body := f.as(who, draftList)
		for id, labels := range f.thumbnailsOf([]byte(body)) {
			small := labels["small"]
			if draft && small != "" {
				small = small[len(publicURL):]
			} else if !draft {
				small = fmt.Sprintf("/api/v2/captures/thumbnails/%d/?label=small", id)
			}
			targets = append(targets, small)
		}
		for _, target := range targets {
			response, _ := f.get(f.url + target)
			if location := response.Header.Get("Location"); !draft && response.StatusCode == http.StatusFound {
				response, _ = f.get(f.url + location)
			}
			if target == "" || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "image/jpeg" {
				return false
			}
		}
		return len(targets) == len(f.captures)
	})
}

const (
	publicRows  = "main_sourceimagethumbnail"
	privateRows = "thumbedge.private_thumbnail"
)

// paths are the files that the rows of a table name.
func (f *flipped) paths(table string) []string {
	f.Helper()
	return one[[]string](f.site, `SELECT coalesce(array_agg(path ORDER BY path), '{}') FROM `+table)
}

// root is where the files of a table's rows lie.
func (f *flipped) root(table string) string {
	if table == privateRows {
		return f.file.Storage.Private.Root
	}
	return f.file.Storage.Root
}

// files are those below a table's root.
func (f *flipped) files(table string) (all []string) {
	f.Helper()
	root := f.root(table)
	err := filepath.WalkDir(filepath.Join(root, "thumbnails"), func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && entry.Type().IsRegular() && entry.Name() != imaging.SiteFile {
			path, err = filepath.Rel(root, path)
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return all
}

// rowsHaveTheirFiles fails where a row, of either table, names a file that is not there.
func (f *flipped) rowsHaveTheirFiles(when string) {
	f.Helper()
	for _, table := range []string{publicRows, privateRows} {
		for _, path := range f.paths(table) {
			if _, err := os.Stat(filepath.Join(f.root(table), path)); err != nil {
				f.Errorf("%s: a row of %s has no file: %v", when, table, err)
			}
		}
	}
}

// claimsEnd has the time pass that a dead replica's claims last, which is bounded, and that
// files last which were recorded before they were stored.
func (f *flipped) claimsEnd() {
	f.Helper()
	const longest = 15 * time.Minute
	for _, table := range []string{"thumbedge.draft_project", "thumbedge.file_to_delete", "thumbedge.private_file_to_delete"} {
		if n := one[int](f.site, `SELECT count(*) FROM `+table+` WHERE due > clock_timestamp() + $1::interval`, longest.String()); n > 0 {
			f.Errorf("%d of %s are claimed for longer than %v", n, table, longest)
		}
		f.exec(`UPDATE ` + table + ` SET due = least(due, clock_timestamp())`)
	}
}

// endsAs fails unless all comes to what a project that is a draft, or public, leaves: the
// rows of the one kind, with their files, and no row or file of the other.
func (f *flipped) endsAs(draft bool) {
	f.Helper()
	mine, other := publicRows, privateRows
	if draft {
		mine, other = privateRows, publicRows
	}
	f.gallery(draft)
	f.eventually("nothing is left of what it was: "+other, func() bool {
		return len(f.paths(other)) == 0 && len(f.files(other)) == 0
	})
	f.eventually("no file is left to be deleted", func() bool {
		return one[int](f.site, `SELECT (SELECT count(*) FROM thumbedge.file_to_delete) + (SELECT count(*) FROM thumbedge.private_file_to_delete)`) == 0
	})
	f.rowsHaveTheirFiles("in the end")
	if rows, files := f.paths(mine), f.files(mine); len(rows) != len(f.captures) || len(files) != len(rows) {
		f.Errorf("in the end %d rows and %d files of %s, want %d", len(rows), len(files), mine, len(f.captures))
	}
	f.gallery(draft)
}

// TestKilledBetweenTheStepsOfAFlip: a process is killed between any two steps of what follows
// when a project turns draft, or public, and another one goes on; the project stays what it
// turned into, or is turned back while nothing serves. Everything ends where it should.
func TestKilledBetweenTheStepsOfAFlip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		draft bool   // what the project turns into
		step  string // after which the process is killed
		keeps bool   // turned back, it has lost nothing
	}{
		{true, "draft_project recorded", true},
		{true, "draft claimed", true},
		{true, "public rows removed", false},
		{true, "file claimed", false},
		{true, "file deleted", false},
		{false, "private rows removed", false},
		{false, "file claimed", false},
		{false, "file deleted", false},
	} {
		for _, back := range []bool{false, true} {
			t.Run(fmt.Sprintf("turns draft %t, %s, back %t", c.draft, c.step, back), func(t *testing.T) {
				t.Parallel()
				f := newFlipped(t, !c.draft)
				step := c.step
				if step == "draft_project recorded" {
					step = "" // it is to be seen
				}
				doomed, reached := f.servesUntil(step)
				f.gallery(!c.draft)
				f.flip(c.draft)
				f.eventually("the step is reached", func() bool {
					return reached() || step == "" && one[bool](f.site, `SELECT EXISTS (SELECT FROM thumbedge.draft_project WHERE project_id = 2)`)
				})
				doomed.kill()
				f.rowsHaveTheirFiles("after the kill")
				f.claimsEnd()
				before := f.paths(publicRows)
				end := c.draft
				if back {
					end = !end
					f.flip(end)
				}
				f.servesUntil("")
				if back && c.keeps {
					f.eventually("it is a draft no more", func() bool {
						return one[int](f.site, `SELECT count(*) FROM thumbedge.draft_project`) == 0
					})
					f.gallery(end)
					if after := f.paths(publicRows); fmt.Sprint(after) != fmt.Sprint(before) || len(after) != len(f.captures) {
						t.Errorf("public again, its rows are %v, and were %v", after, before)
					}
				}
				f.endsAs(end)
			})
		}
	}
}

// TestKilledWithAPrivateRender: a process is killed between the steps of a private
// thumbnail, and the project is public, or a draft still, when another one goes on. No
// private row is without its file, and no private file is left without a row.
func TestKilledWithAPrivateRender(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"recorded", "stored", "upserted"} {
		for _, public := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, public %t", step, public), func(t *testing.T) {
				t.Parallel()
				f := newFlipped(t, true)
				doomed, reached := f.servesUntil(step)
				f.eventually("it signs", func() bool {
					_, body := f.as(owner, draftList)
					return f.thumbnailsOf([]byte(body))[f.captures[0]] != nil
				})
				target := f.signedOf(f.captures[0])
				go ask(f.url + target) // which gets no answer
				f.eventually("the step is reached", reached)
				doomed.kill()
				f.rowsHaveTheirFiles("after the kill")
				f.claimsEnd()
				f.flip(!public)
				f.servesUntil("")
				f.endsAs(!public)
			})
		}
	}
}
