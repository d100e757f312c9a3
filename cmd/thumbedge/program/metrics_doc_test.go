package program_test

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

var update = flag.Bool("update", false, "write deploy/METRICS.md")

// deploy holds what operators deploy beside the program.
const deploy = "../../../deploy/"

// metricsTable reads deploy/METRICS.md: each metric's type.
func metricsTable(t *testing.T) map[string]string {
	t.Helper()
	document, err := os.ReadFile(deploy + "METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for line := range strings.Lines(string(document)) {
		if m := row.FindStringSubmatch(line); m != nil {
			table[m[1]] = m[2]
		}
	}
	return table
}

// row is a metric's line of the page: its name and its type.
var row = regexp.MustCompile("^\\| `(thumbedge_\\w+)` \\| (\\w+)")

// TestMetricsAreDocumented compares deploy/METRICS.md to what a running program would
// tell; -update writes the page. A metric none of whose labels has come up yet tells
// nothing, though its description is known: a thumbnail is made first, and a page shown.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	_, following := traced(t)
	s := newPrivateSite(t, following, with(func(f *config.File) { f.Responses.AnonymousPages = time.Minute })) // all that can be on is
	s.project = 1
	id := s.capture()
	s.get(s.route(id, "?label=small"))
	var told string
	s.eventually("what ends after the answer is counted", func() bool {
		s.page(s.url, "limit=1")
		_, body := s.get("http://" + s.program.AdminAddr() + "/metrics")
		told = string(body)
		return strings.Contains(told, "thumbedge_database_installed{") && strings.Contains(told, "thumbedge_cold_labels_total{") && strings.Contains(told, "thumbedge_responses_curve_bytes_ratio{")
	})
	lint := exec.Command("promtool", "check", "metrics")
	lint.Stdin = strings.NewReader(told)
	if output, err := lint.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics (apt-get install prometheus): %v\n%s", err, output)
	}
	want := metricsPage(t, s.program.Registry())
	if *update {
		if err := os.WriteFile(deploy+"METRICS.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(deploy + "METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("deploy/METRICS.md is not what the code says; go test ./cmd/thumbedge/program -run TestMetricsAreDocumented -update writes it:\n%s", diff)
	}
}

// Names that alerts and dashboards ask for exist.
func TestAlertsAndDashboardAskForMetricsThatExist(t *testing.T) {
	t.Parallel()
	documented := metricsTable(t)
	for _, file := range []string{"prometheus/alerts.yml", "grafana/dashboard.json"} {
		contents, err := os.ReadFile(deploy + file)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`thumbedge_\w+`).FindAllString(string(contents), -1)
		if len(names) == 0 {
			t.Errorf("%s asks for nothing", file)
		}
		for _, name := range names {
			base := name
			if _, ok := documented[name]; !ok {
				base = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			}
			if kind, ok := documented[base]; !ok || base != name && kind != "histogram" {
				t.Errorf("%s asks for %s, which METRICS.md does not have", file, name)
			}
		}
	}
}
