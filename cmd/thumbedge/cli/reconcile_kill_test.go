package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// asCommand in its environment makes the test's own binary the command itself, so that
// it can be killed.
const asCommand = "THUMBEDGE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(Main(context.Background(), Env{Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv}, os.Args[1:]))
	}
	os.Exit(testenv.Main(m))
}

// TestReconcileResumesAfterAKill kills a real process between two portions: the next
// one goes on there, and comes to what a run in one piece would. Without schema
// thumbedge it says that it cannot, and begins anew.
func TestReconcileResumesAfterAKill(t *testing.T) {
	t.Parallel()
	for name, migrated := range map[string]bool{"with schema thumbedge": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKillSite(t, migrated)
			slow := k.command(250)
			k.await(slow, "progress", func() bool { return strings.Contains(slow.Log(), "rows: 0 of about 1500") })
			if migrated {
				k.await(slow, "the position", func() bool {
					return k.count(`SELECT count(*) FROM thumbedge.reconcile WHERE name = 'reconcile_position'`) == 1
				})
			}
			if err := slow.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-slow.Exited
			next := k.command(100_000)
			select {
			case <-next.Exited:
			case <-time.After(time.Minute):
				t.Fatalf("it does not end: %s", next.Log())
			}
			log := next.Log()
			var summary reconcile.Summary
			if err := json.Unmarshal([]byte(log[strings.Index(log, "{\n"):]), &summary); err != nil {
				t.Fatalf("%v: %s", err, log)
			}
			if summary.Rows != 1500 || summary.RowsFileGone != 1499 || summary.FilesNamed != 1 || summary.Resumed != migrated {
				t.Errorf("it found %+v", summary)
			}
			if said := strings.Contains(log, "a run that is interrupted begins anew"); said == migrated {
				t.Errorf("it says %s", log)
			}
			if strings.ContainsAny(log, "\r\x1b") {
				t.Errorf("lines that are not plain, where there is no terminal: %q", log)
			}
		})
	}
}

// killSite is a database of 1500 rows, one of which has its file.
type killSite struct {
	*testing.T
	conn       *pgx.Conn
	url, media string
}

func newKillSite(t *testing.T, migrated bool) *killSite {
	t.Helper()
	k := &killSite{T: t, url: testenv.Database(t), media: t.TempDir()}
	var err error
	if k.conn, err = pgx.Connect(t.Context(), k.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.conn.Close(context.Background()) })
	if migrated { // a pair, too, while there is nothing on either side
		var out bytes.Buffer
		env := Env{Stdout: &out, Stderr: &out, LookupEnv: os.LookupEnv}
		if code := Main(t.Context(), env, []string{"migrate", "up", "--config", k.config(1)}); code != exitDone || !strings.Contains(out.String(), "are a pair") {
			t.Fatalf("migrate up ends with %d and says %s", code, &out)
		}
	}
	for _, sql := range []string{
		`INSERT INTO main_sourceimage (id, path) SELECT g, 'o.jpg' FROM generate_series(1, 1500) g`,
		`INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
			SELECT now(), now(), 'thumbnails/capture_' || id || '/small.jpg', 'small', 240, 1, 1, id FROM main_sourceimage ORDER BY id`,
	} {
		if _, err := k.conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(k.media, "thumbnails/capture_700")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "small.jpg"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return k
}

// command starts reconcile in a process of its own, so many checks a second.
func (k *killSite) command(rate int) *testenv.Process {
	k.Helper()
	return testenv.Start(k.T, k.cmd(rate))
}

func (k *killSite) cmd(rate int) *exec.Cmd {
	k.Helper()
	cmd := exec.Command(os.Args[0], "reconcile", "--json", "--config", k.config(rate))
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// config writes a configuration file with a rate.
func (k *killSite) config(rate int) (path string) {
	k.Helper()
	path = filepath.Join(k.TempDir(), "config.toml")
	text := fmt.Sprintf("[upstream]\nurl = \"http://127.0.0.1:1\"\n[[thumbnails]]\nlabel = \"small\"\nwidth = 240\n"+
		"[database]\nurl = %q\n[storage]\ndriver = \"filesystem\"\nroot = %q\n[reconcile]\nrate = %d\n", k.url, k.media, rate)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		k.Fatal(err)
	}
	return path
}

func (k *killSite) count(sql string) (n int) {
	k.Helper()
	if err := k.conn.QueryRow(k.Context(), sql).Scan(&n); err != nil {
		k.Fatal(err)
	}
	return n
}

func (k *killSite) await(p *testenv.Process, what string, holds func() bool) {
	k.Helper()
	again, late := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for !holds() {
		select {
		case <-p.Exited:
			k.Fatalf("it ended before %s: %s", what, p.Log())
		case <-late:
			k.Fatalf("not within a minute: %s: %s", what, p.Log())
		case <-again.C:
		}
	}
}
