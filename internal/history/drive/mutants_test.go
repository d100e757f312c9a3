package drive

import (
	"flag"
	"regexp"
	"testing"

	"github.com/thumbedge/thumbedge/internal/overlay"
)

var mutants = flag.String("history.mutants", "^(row before its file|storage not asked to confirm)$", "the mutants to look for, by name")

// TestMutantsStillExist: what the mutants change is still there. Where it is not, the
// snippet in mutants.go follows the code.
func TestMutantsStillExist(t *testing.T) {
	t.Parallel()
	for _, m := range Mutants {
		if _, err := m.files(root); err != nil {
			t.Error(err)
		}
	}
}

// TestMutants: the checker finds each fault that is planted.
func TestMutants(t *testing.T) {
	wanted := regexp.MustCompile(*mutants)
	looked := 0
	for _, m := range Mutants {
		if !wanted.MatchString(m.Name) {
			continue
		}
		looked++
		t.Run(m.Name, func(t *testing.T) {
			files, err := m.files(root)
			if err != nil {
				t.Fatal(err)
			}
			if m.Profile.clocks() {
				overlay.AddClock(t, files)
			}
			run := Run{Binary: overlay.Build(t, root, files), Seed: max(*seed, 1), Length: m.Length, Profile: m.Profile}
			h, found := Make(t, run)
			rules := map[string]int{}
			for _, v := range found {
				rules[v.Rule]++
			}
			if rules[m.Rule] == 0 {
				summarise(t, h)
				t.Fatalf("it is not found in %v as %q, but %v: %v", m.Length, m.Rule, rules, found)
			}
			t.Logf("found: %v; first: %v", rules, found[0])
		})
	}
	if looked == 0 {
		t.Errorf("no mutant is called %s", *mutants)
	}
}
