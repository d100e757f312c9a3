package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// pairSite is a database, folders that may be its storage, and the command line.
type pairSite struct {
	*testing.T
	url string
}

// thumbedge runs a command with a folder as the storage, and returns all that it says.
func (p *pairSite) thumbedge(root string, args ...string) (said string, code int) {
	p.Helper()
	path := filepath.Join(p.TempDir(), "config.toml")
	text := fmt.Sprintf("[upstream]\nurl = \"http://127.0.0.1:1\"\n[[thumbnails]]\nlabel = \"small\"\nwidth = 240\n"+
		"[database]\nurl = %q\n[storage]\ndriver = \"filesystem\"\nroot = %q\n[reconcile]\nrate = 100000\n", p.url, root)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.Fatal(err)
	}
	return p.run(path, args...)
}

// run runs a command with a configuration file.
func (p *pairSite) run(path string, args ...string) (said string, code int) {
	p.Helper()
	var out bytes.Buffer
	env := Env{Stdout: &out, Stderr: &out, LookupEnv: func(string) (string, bool) { return path, true }}
	code = Main(p.Context(), env, args)
	p.Logf("thumbedge %v: %d\n%s", args, code, &out)
	return out.String(), code
}

// expect runs a command and checks its exit status and what it says.
func (p *pairSite) expect(root, command string, code int, says ...string) {
	p.Helper()
	said, got := p.thumbedge(root, strings.Fields(command)...)
	p.judge(command, said, got, code, says)
}

func (p *pairSite) judge(command, said string, got, code int, says []string) {
	p.Helper()
	if got != code {
		p.Errorf("%s ended with %d, want %d", command, got, code)
	}
	for _, s := range says {
		if !strings.Contains(strings.Join(strings.Fields(said), " "), s) {
			p.Errorf("%s does not say %q", command, s)
		}
	}
}

func (p *pairSite) exec(sql string) {
	p.Helper()
	conn, err := pgx.Connect(p.Context(), p.url)
	if err != nil {
		p.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(p.Context(), sql); err != nil {
		p.Fatal(err)
	}
}

// folder makes a storage with the files of so many captures.
func (p *pairSite) folder(n int) string {
	p.Helper()
	root := p.TempDir()
	for i := range n {
		path := filepath.Join(root, fmt.Sprintf("thumbnails/capture_%d/small.jpg", i+1))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			p.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("jpeg"), 0o644); err != nil {
			p.Fatal(err)
		}
	}
	return root
}

// TestReconcileRefusesTheWrongPair is what an operator sees of it, from the first
// installation on.
func TestReconcileRefusesTheWrongPair(t *testing.T) {
	t.Parallel()
	p := &pairSite{t, testenv.Database(t)}
	p.exec(`INSERT INTO main_sourceimage (id, path) SELECT g, 'o.jpg' FROM generate_series(1, 700) g;
		INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
		SELECT now(), now(), 'thumbnails/capture_' || id || '/small.jpg', 'small', 240, 1, 4, id FROM main_sourceimage`)
	own, other := p.folder(700), p.folder(1)

	// The first run with a wrong pair: nothing is made of it.
	p.expect(other, "reconcile --adopt", exitFailed, "run thumbedge migrate up first")
	p.expect(other, "migrate up", exitDone, "site: the database and the storage were not paired: of the newest 20 rows' files 20 are not in the storage",
		"If it is the right storage, and was lost or emptied: --adopt --force 700", "Until then thumbedge reconcile --apply is refused.")
	p.expect(other, "reconcile --apply", exitFailed, "refused: the database and the storage have not been paired yet; thumbedge migrate up does it, or reconcile --adopt")
	p.expect(other, "reconcile --adopt", exitFailed, "of the newest 20 rows' files 20 are not in the storage")
	p.expect(other, "reconcile", exitDone, "--apply would be refused", "the files of 699 of the 700 rows that name one are not in the storage")

	p.expect(own, "migrate up", exitDone, "site: database and storage are a pair from now on")
	p.expect(own, "migrate up", exitDone)
	p.expect(own, "migrate down", exitDone)
	p.expect(own, "migrate up", exitDone, "site: database and storage are a pair from now on")
	if said, _ := p.thumbedge(own, "migrate", "up"); strings.Contains(said, "site:") {
		t.Errorf("where there is nothing to do it says %q", said)
	}
	p.expect(own, "reconcile --adopt", exitDone, "a pair already: nothing to do")
	p.expect(own, "reconcile --apply", exitDone, "rows looked at 700", "files looked at 700")

	// From now on a wrong storage is refused before anything is looked at, a dry run, too.
	empty := p.folder(0)
	for _, command := range []string{"reconcile", "reconcile --apply", "reconcile --apply --force 700"} {
		p.expect(empty, command, exitFailed, "refused: the database and the storage do not belong together", "was paired with a storage on",
			"and its volume mounted?", "Where they are: thumbedge reconcile --adopt")
	}
	// A bucket that was lost: one says so, with the number.
	p.expect(empty, "reconcile --adopt", exitFailed, "--adopt --force 700")
	p.expect(empty, "reconcile --adopt --force 700", exitDone, "are a pair from now on", "before: the database and the storage do not belong together",
		"Whatever was paired with either of them is refused from now on")
	p.expect(empty, "reconcile --apply", exitFailed, "700 of the 700", "--apply --force 700 removes these 700 rows and 0 files")
	p.expect(empty, "reconcile --apply --force 700", exitDone, "file is gone 700, removed 700")
	p.expect(own, "reconcile --apply --force 700", exitFailed, "refused: the database and the storage do not belong together: the storage belongs to another site")
	p.expect(own, "reconcile --adopt --apply", exitUsage)
}
