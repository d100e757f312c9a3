package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// privateSite is a site with private storage: n drafts, each with a row and a file of a
// private thumbnail.
type privateSite struct {
	*pairSite
	media, root string // of the storage, and of private storage
}

func (p *privateSite) file(id int) string {
	return filepath.Join(p.root, fmt.Sprintf("thumbnails/capture_%d/small_%016x.jpg", id, id))
}

// config writes a configuration file.
func (p *privateSite) config(private string) string {
	p.Helper()
	path := filepath.Join(p.TempDir(), "config.toml")
	text := fmt.Sprintf("[upstream]\nurl = \"http://127.0.0.1:1\"\n[[thumbnails]]\nlabel = \"small\"\nwidth = 240\n[database]\nurl = %q\n"+
		"[storage]\ndriver = \"filesystem\"\nroot = %q\n[storage.private]\ndriver = \"filesystem\"\nroot = %q\n[reconcile]\ngrace = \"0s\"\n", p.url, p.media, private)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.Fatal(err)
	}
	return path
}

func newPrivateSite(t *testing.T, n int) *privateSite {
	t.Helper()
	p := &privateSite{&pairSite{t, testenv.Database(t)}, t.TempDir(), t.TempDir()}
	p.exec(`INSERT INTO main_project (id, name, draft) VALUES (1, 'drafts', true)`)
	p.exec(fmt.Sprintf(`INSERT INTO main_sourceimage (id, path, project_id) SELECT g, 'o.jpg', 1 FROM generate_series(1, %d) g`, n))
	return p
}

// expect runs a command with a configuration file, and checks what comes of it.
func (p *privateSite) expect(path, command string, code int, says ...string) {
	p.Helper()
	said, got := p.run(path, strings.Fields(command)...)
	p.judge(command, said, got, code, says)
}

// fill writes rows and files of the captures.
func (p *privateSite) fill(n int) {
	p.Helper()
	p.exec(fmt.Sprintf(`INSERT INTO thumbedge.private_thumbnail (source_image_id, label, path, width, height, size, created_at, updated_at)
		SELECT g, 'small', 'thumbnails/capture_' || g || '/small_' || lpad(to_hex(g), 16, '0') || '.jpg', 240, 1, 4, now(), now() FROM generate_series(1, %d) g`, n))
	for id := 1; id <= n; id++ {
		if err := os.MkdirAll(filepath.Dir(p.file(id)), 0o700); err != nil {
			p.Fatal(err)
		}
		if err := os.WriteFile(p.file(id), []byte("jpeg"), 0o600); err != nil {
			p.Fatal(err)
		}
	}
}

// reconcile and migrate know private thumbnails: rows and files both ways, an identity of
// their storage's own, and the refusal of another site's.
func TestPrivateStorageIsReconciled(t *testing.T) {
	t.Parallel()
	const n = 40
	p := newPrivateSite(t, n)
	path := p.config(p.root)
	p.expect(path, "migrate up", exitDone, "site: database and storage are a pair from now on", "site: database and storage.private are a pair from now on")
	identity, err := os.ReadFile(filepath.Join(p.root, "thumbnails/.thumbedge-site"))
	if err != nil || len(identity) == 0 {
		t.Fatal(err)
	}
	p.fill(n)
	// Capture 1's file is gone, and capture 2's row: its file is nobody's. A row whose capture
	// is no draft is serve's to remove.
	if err := os.Remove(p.file(1)); err != nil {
		t.Fatal(err)
	}
	p.exec(`DELETE FROM thumbedge.private_thumbnail WHERE source_image_id = 2`)
	p.expect(path, "reconcile", exitDone, "storage.private", "file is gone 1, removed 0", "no row names 1 (4 bytes), deleted 0")
	said, code := p.run(path, "reconcile", "--apply", "--force", "2", "--json")
	var summary reconcile.Summary
	if err := json.Unmarshal([]byte(said[strings.Index(said, "{"):]), &summary); err != nil || code != exitDone || summary.Rows != 0 || summary.Private == nil {
		t.Fatalf("%d, %v: %s", code, err, said)
	}
	if s := summary.Private; s.Rows != n-1 || s.RowsRemoved != 1 || s.FilesDeleted != 1 {
		t.Errorf("%+v", s)
	}
	for id := 1; id <= n; id++ {
		if _, err := os.Stat(p.file(id)); (err == nil) != (id > 2) {
			t.Errorf("the file of capture %d: %v", id, err)
		}
	}
	// Another folder in its place, and one that is empty, are refused before anything else.
	p.expect(p.config(t.TempDir()), "reconcile --apply", exitFailed, "refused: storage.private: the database and the storage do not belong together")
	// What lies there when the tables go is said, and found again.
	p.expect(path, "migrate down", exitDone, "the files of 38 private thumbnails stay in storage.private")
	p.expect(path, "migrate up", exitDone, "storage.private: the database and the storage were not paired: the storage holds thumbnails, and the database has no row of any")
	p.expect(path, "reconcile --adopt --force 1", exitDone, "database and storage.private are a pair from now on")
	p.expect(path, "reconcile --apply --force 38", exitDone, "no row names 38 (152 bytes), deleted 38")
}
