package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// The whole command on a configuration file.
func TestReconcile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	media, path := filepath.Join(dir, "media"), filepath.Join(dir, "config.toml")
	orphan := filepath.Join(media, "thumbnails/capture_1/small.jpg")
	if err := os.MkdirAll(filepath.Dir(orphan), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(orphan, []byte("jpeg"), 0o644); err != nil {
		t.Fatal(err)
	}
	unfinished, writing := filepath.Join(filepath.Dir(orphan), ".thumbedge-OLD"), filepath.Join(filepath.Dir(orphan), ".thumbedge-NEW")
	for _, half := range []string{unfinished, writing} {
		if err := os.WriteFile(half, []byte("jp"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if old := time.Now().Add(-2 * time.Hour); os.Chtimes(unfinished, old, old) != nil {
		t.Fatal("the file's time cannot be set")
	}
	url := testenv.Database(t)
	text := fmt.Sprintf("[upstream]\nurl = \"http://127.0.0.1:1\"\n[[thumbnails]]\nlabel = \"small\"\nwidth = 240\n"+
		"[database]\nurl = %q\n[storage]\ndriver = \"filesystem\"\nroot = %q\n[reconcile]\ngrace = \"0s\"\n", url, media)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start := func(args ...string) (string, int) {
		var out, log bytes.Buffer
		env := Env{Stdout: &out, Stderr: &log, LookupEnv: func(string) (string, bool) { return "", false }}
		code := Main(t.Context(), env, append([]string{"reconcile", "--config", path}, args...))
		t.Logf("reconcile %v: %d\n%s%s", args, code, &out, &log)
		return out.String(), code
	}

	if out, code := start(); code != 0 || !strings.Contains(out, "CACHALOT_UNCACHABLE_TABLES") || !strings.Contains(out, "dry run") {
		t.Errorf("a dry run ended with %d and said %s", code, out)
	}
	for _, path := range []string{orphan, unfinished} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a dry run deleted a file: %v", err)
		}
	}
	if _, code := start("--apply"); code != exitFailed {
		t.Errorf("--apply with a grace of 0 ended with %d", code)
	}
	if _, code := start("--apply", "--force", "1"); code != exitFailed {
		t.Errorf("--apply without schema thumbedge ended with %d", code)
	}
	for _, command := range []string{"migrate up", "reconcile --adopt --force 1"} {
		var out bytes.Buffer
		env := Env{Stdout: &out, Stderr: &out, LookupEnv: func(string) (string, bool) { return path, true }}
		if code := Main(t.Context(), env, strings.Fields(command)); code != exitDone {
			t.Fatalf("%s: %d, %s", command, code, &out)
		}
	}
	out, code := start("--apply", "--force", "1", "--json", "--since", "36h")
	var summary reconcile.Summary
	if err := json.Unmarshal([]byte(out), &summary); err != nil || code != 0 || summary.FilesDeleted != 1 || summary.Since == nil {
		t.Errorf("--apply --json ended with %d (%v) and %s", code, err, out)
	}
	if _, err := os.Stat(orphan); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
	if _, err := os.Stat(unfinished); !os.IsNotExist(err) {
		t.Errorf("the half-written file is still there: %v", err)
	}
	if _, err := os.Stat(writing); err != nil {
		t.Errorf("a file that is being written was deleted: %v", err)
	}
	if _, code := start("--since", "yesterday"); code != exitUsage {
		t.Errorf("--since yesterday ended with %d", code)
	}
	if err := os.RemoveAll(media); err != nil {
		t.Fatal(err)
	}
	if _, code := start("--apply"); code != exitFailed {
		t.Errorf("without its storage it ended with %d", code)
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 12, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "36h": now.Add(-36 * time.Hour), "2026-06-01": time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		"2026-06-01T10:00:00Z": time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC),
	} {
		if got, err := since(text, now); err != nil || !got.Equal(want) {
			t.Errorf("since(%q) is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"-1h", "0s", "yesterday", "36"} {
		if got, err := since(text, now); err == nil {
			t.Errorf("since(%q) is %v", text, got)
		}
	}
}
