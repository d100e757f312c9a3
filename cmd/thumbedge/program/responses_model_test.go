package program_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/cachemodel"
	"github.com/thumbedge/thumbedge/internal/overlay"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// The environment variables of `make cache-model`: how long it lasts, and which requests it
// sends.
const (
	modelDurationVariable = "THUMBEDGE_CACHE_MODEL"
	modelSeedVariable     = "THUMBEDGE_CACHE_MODEL_SEED"
	modelClocksVariable   = "THUMBEDGE_CACHE_MODEL_CLOCKS" // whether the replicas' clocks are stepped
)

// TestResponsesModel: two replicas under random requests, in front of an app that restarts,
// give no answer that RFC 9111 or the contract forbids; also while their clocks are stepped
// by an hour, for which Go's own library has to be compiled anew.
func TestResponsesModel(t *testing.T) {
	o := modelOptions(t, 6*time.Second)
	o.Replicas = func(apps []string) []string { return serveInFrontOf(t, apps) }
	if os.Getenv(modelClocksVariable) != "" {
		steppedClocks(t, &o, overlay.Files{})
	}
	result := cachemodel.Run(t, o)
	t.Logf("seed %d: %v", o.Seed, result.Seen)
	for _, wrong := range result.Wrong[:min(len(result.Wrong), 10)] {
		t.Errorf("seed %d: %v", o.Seed, wrong)
	}
	for _, way := range []string{"fresh", "validated", "passed"} {
		if result.Seen[way] == 0 {
			t.Errorf("no answer was %s: the test shows less than it should", way)
		}
	}
}

func modelOptions(t *testing.T, duration time.Duration) cachemodel.Options {
	t.Helper()
	o := cachemodel.Options{Seed: uint64(time.Now().UnixNano()), Duration: duration, Clients: 12, Anonymous: 2 * time.Second}
	var err error
	if text := os.Getenv(modelDurationVariable); text != "" {
		if o.Duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", modelDurationVariable, err)
		}
	}
	if text := os.Getenv(modelSeedVariable); text != "" {
		if o.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", modelSeedVariable, err)
		}
	}
	return o
}

// serveInFrontOf starts a replica in front of each app, in a process of its own.
func serveInFrontOf(t *testing.T, apps []string) (urls []string) {
	t.Helper()
	s := newSite(t, unstarted, with(forModel))
	for _, app := range apps {
		s.file.Upstream.URL = app
		urls = append(urls, s.serve().url)
	}
	return urls
}

// forModel is the configuration of the model's replicas.
func forModel(f *config.File) {
	f.Responses.AnonymousPages, f.Responses.AnonymousHeaders = 2*time.Second, []string{"X-Request"}
	f.Log.Access = false
}

// TestModelCatchesMutants: the model finds a cache that ignores what it must not.
func TestModelCatchesMutants(t *testing.T) {
	for _, mutant := range []struct {
		name, file, is, becomes string
		says                    string // the model, of an answer
	}{
		{"ignores Vary", "visit.go", "e.selectors.match(v.raw, v.match[:0], v.alike)", "true", " and is "},
		{"stores Set-Cookie", "storable.go", "case a.cookies:", "case false:", "cookie"},
		{"forgets to invalidate", "invalidate.go", "if isSafe(r.Header().Method())", "if true", "was changed"},
	} {
		t.Run(mutant.name, func(t *testing.T) {
			program := buildMutant(t, mutation{"proxy/responses/" + mutant.file, mutant.is, mutant.becomes})
			o := modelOptions(t, 2*time.Minute)
			o.UntilWrong = true
			o.Replicas = func(apps []string) []string { return runInFrontOf(t, program, apps) }
			result := cachemodel.Run(t, o)
			if len(result.Wrong) == 0 || !strings.Contains(result.Wrong[0].Error(), mutant.says) {
				t.Errorf("seed %d: the model saw %v, want a word on %q; and %v", o.Seed, result.Wrong, mutant.says, result.Seen)
			}
		})
	}
}

// steppedClocks gives each replica a clock of its own, in a build with these sources in
// place of others, and has the run step it.
func steppedClocks(t *testing.T, o *cachemodel.Options, files overlay.Files) {
	t.Helper()
	overlay.AddClock(t, files)
	program := overlay.Build(t, "../../..", files)
	var clocks []string
	o.Step = func(replica, seconds int) {
		if err := os.WriteFile(clocks[replica], []byte(strconv.Itoa(seconds)), 0o600); err != nil {
			t.Errorf("stepping a clock: %v", err)
		}
	}
	o.Replicas = func(apps []string) (urls []string) {
		s := newSite(t, unstarted, with(forModel))
		for n, app := range apps {
			clocks = append(clocks, filepath.Join(t.TempDir(), strconv.Itoa(n)))
			urls = append(urls, s.run(program, app, overlay.ClockVariable+"="+clocks[n]))
		}
		return urls
	}
}

// TestModelCatchesTheWallClock: the model finds a cache that measures ages by the wall clock.
// It runs with the steps only, as both compile Go's library anew.
func TestModelCatchesTheWallClock(t *testing.T) {
	source, err := os.ReadFile("../../../" + agesFile)
	if err != nil {
		t.Fatal(err)
	}
	source, err = overlay.Substitute(source, []overlay.Snippet{{"now.Sub(e.received)", "now.Round(0).Sub(e.received)"}})
	if err != nil {
		t.Fatalf("the mutant has to follow: %v", err)
	}
	if os.Getenv(modelClocksVariable) == "" {
		return
	}
	o := modelOptions(t, 2*time.Minute)
	o.UntilWrong = true
	steppedClocks(t, &o, overlay.Files{agesFile: source})
	result := cachemodel.Run(t, o)
	if len(result.Wrong) == 0 || !strings.Contains(result.Wrong[0].Error(), "it came with Age") && !strings.Contains(result.Wrong[0].Error(), "stale by") {
		t.Errorf("seed %d: the model saw %v, want a word on an age; and %v", o.Seed, result.Wrong, result.Seen)
	}
}

// agesFile has how old an entry is.
const agesFile = "proxy/responses/entry.go"

// mutation replaces a snippet of a file, which has it once.
type mutation struct{ file, is, becomes string }

// buildMutant builds thumbedge with snippets replaced, each in a file of its own.
func buildMutant(t *testing.T, mutations ...mutation) (program string) {
	t.Helper()
	dir, replace := t.TempDir(), map[string]string{}
	for n, m := range mutations {
		original, err := filepath.Abs("../../../" + m.file)
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(source, []byte(m.is)); n != 1 {
			t.Fatalf("%s has %d times %q, want once", m.file, n, m.is)
		}
		replace[original] = filepath.Join(dir, strconv.Itoa(n)+".go")
		if err := os.WriteFile(replace[original], bytes.Replace(source, []byte(m.is), []byte(m.becomes), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "thumbedge")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", file, "-o", program, "github.com/thumbedge/thumbedge/cmd/thumbedge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // what is built already
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the mutant: %v: %s", err, said)
	}
	return program
}

// runInFrontOf is serveInFrontOf with another program than this one.
func runInFrontOf(t *testing.T, program string, apps []string) (urls []string) {
	t.Helper()
	s := newSite(t, unstarted, with(forModel))
	for _, app := range apps {
		urls = append(urls, s.run(program, app))
	}
	return urls
}

// run runs another program than this one, with the site's configuration, and returns its
// URL when it listens.
func (s *site) run(program, app string, env ...string) (url string) {
	s.Helper()
	s.file.Upstream.URL, s.file.Server.Listen, s.file.Server.Admin.Listen = app, testenv.FreeAddress(s.T), testenv.FreeAddress(s.T)
	command := exec.Command(program, "serve", "--config", s.writeConfig())
	command.Env = append(os.Environ(), env...)
	process := testenv.Start(s.T, command)
	s.eventually("the program listens", func() bool {
		select {
		case <-process.Exited:
			s.Fatalf("it ended: %s", process.Log())
		default:
		}
		conn, err := net.Dial("tcp", s.file.Server.Listen)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return "http://" + s.file.Server.Listen
}
