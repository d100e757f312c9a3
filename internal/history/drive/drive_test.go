package drive

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/history"
	"github.com/thumbedge/thumbedge/internal/overlay"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// root of the checkout.
const root = "../../.."

var (
	seed   = flag.Uint64("history.seed", 0, "of the history to make; 0: another each time")
	length = flag.Duration("history.duration", 15*time.Second, "of the history to make, healing apart")
	clocks = flag.Bool("history.clocks", false, "give every process a clock that is stepped; compiles Go's library anew")
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// TestHistory: whatever is done to three replicas, and whatever breaks, what is seen from
// outside can be explained by the promises.
func TestHistory(t *testing.T) {
	profile := Usual
	files := overlay.Files{}
	if !*clocks {
		profile.Processes = without(profile.Processes, "clock")
	}
	if *length < time.Minute {
		profile.Processes = without(profile.Processes, "width") // heals only after a minute
	}
	if profile.clocks() {
		overlay.AddClock(t, files)
	}
	run := Run{Binary: overlay.Build(t, root, files), Seed: *seed, Length: *length, Profile: profile}
	if run.Seed == 0 {
		run.Seed = rand.Uint64()
	}
	t.Logf("seed %d", run.Seed)
	h, found := Make(t, run)
	if summarise(t, h) {
		t.Error("too little was seen to judge by")
	}
	report(t, h, found)
}

func without(weights map[string]int, names ...string) map[string]int {
	left := map[string]int{}
	for name, weight := range weights {
		left[name] = weight
	}
	for _, name := range names {
		delete(left, name)
	}
	return left
}

// summarise says how much there was to be wrong, and whether that was too little: a
// history in which a recorder saw nothing can be explained, too.
func summarise(t *testing.T, h *history.History) (little bool) {
	t.Helper()
	shown, signed, private, kept := 0, 0, 0, 0
	for _, a := range h.Answers {
		for _, s := range a.Shown {
			switch {
			case strings.HasPrefix(s.Key, history.PrivateFile):
				private++
			case s.Key != "":
				shown++
			case s.Signed:
				signed++
			}
		}
		if a.Written != 0 && a.Written < a.Start {
			kept++
		}
	}
	kinds := map[history.FaultKind]int{}
	for _, f := range h.Faults {
		kinds[f.Kind]++
	}
	t.Logf("%d answers that name %d files and %d private ones, and sign %d labels, %d of them pages that were kept; %d rows written, %d captures changed, %d projects flipped, %d leases taken and given up, "+
		"%d uploads, %d removals, %d fetches, %d processes; faults: %d of notifications, %d of queries, %d of the storage, %d of the source, %d of processes; %d reloads",
		len(h.Answers), shown, private, signed, kept, len(h.Rows), len(h.Captures), len(h.Projects), len(h.Leases), len(h.Puts), len(h.Deletes), len(h.Fetches), len(h.Replicas),
		kinds[history.FaultListen], kinds[history.FaultQueries], kinds[history.FaultStorage], kinds[history.FaultSource], kinds[history.FaultHalt], kinds[history.FaultReload])
	return min(shown, signed, private, kept, len(h.Rows), len(h.Captures), len(h.Projects), len(h.Leases), len(h.Puts), len(h.Fetches), len(h.Reads), kinds[history.FaultHalt]) == 0
}

// report fails the test with what is wrong, and leaves the history to be looked at.
func report(t *testing.T, h *history.History, found []history.Violation) {
	t.Helper()
	if len(found) == 0 {
		return
	}
	for i, v := range found {
		if i == 20 {
			t.Errorf("and %d more", len(found)-i)
			break
		}
		t.Error(v)
	}
	text, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "artefacts", "history.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Logf("the history is in %s", path)
}
