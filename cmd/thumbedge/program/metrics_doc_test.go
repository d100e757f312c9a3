package program_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// deploy holds what operators deploy beside the program.
const deploy = "../../../deploy/"

// described is a metric as deploy/METRICS.md has it.
type described struct{ kind, labels, meaning string }

// metricsTable reads the table of deploy/METRICS.md.
func metricsTable(t *testing.T) map[string]described {
	t.Helper()
	document, err := os.ReadFile(deploy + "METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]described{}
	for line := range strings.Lines(string(document)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		name, isMetric := strings.CutPrefix(strings.TrimSpace(cells[0]), "`thumbedge_")
		if !isMetric || len(cells) != 4 {
			continue
		}
		name = "thumbedge_" + strings.TrimSuffix(name, "`")
		if _, twice := table[name]; twice {
			t.Errorf("METRICS.md has %s twice", name)
		}
		table[name] = described{strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])}
	}
	return table
}

var (
	help = regexp.MustCompile(`(?m)^# HELP (thumbedge_\w+) (.*)$`)
	kind = regexp.MustCompile(`(?m)^# TYPE (thumbedge_\w+) (\w+)$`)
)

// TestMetricsAreDocumented compares deploy/METRICS.md to what a running program
// tells. A metric none of whose labels has come up yet tells nothing: a thumbnail is
// made first, and a page shown.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.capture()
	s.get(s.route(id, "?label=small"))
	s.page(s.url, "limit=1")
	var told string
	s.eventually("what ends after the answer is counted", func() bool {
		_, body := s.get("http://" + s.program.AdminAddr() + "/metrics")
		told = string(body)
		return strings.Contains(told, "thumbedge_database_installed{") && strings.Contains(told, "thumbedge_cold_labels_total{")
	})
	lint := exec.Command("promtool", "check", "metrics")
	lint.Stdin = strings.NewReader(told)
	if output, err := lint.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics (apt-get install prometheus): %v\n%s", err, output)
	}
	documented := metricsTable(t)
	kinds := map[string]string{}
	for _, m := range kind.FindAllStringSubmatch(told, -1) {
		kinds[m[1]] = m[2]
	}
	for _, m := range help.FindAllStringSubmatch(told, -1) {
		name, meaning := m[1], m[2]
		got, ok := documented[name]
		if !ok {
			t.Errorf("METRICS.md lacks %s: %s", name, meaning)
			continue
		}
		if got.kind != kinds[name] || got.meaning != meaning {
			t.Errorf("METRICS.md says of %s: %s, %q; it is: %s, %q", name, got.kind, got.meaning, kinds[name], meaning)
		}
		if labels := labelsOf(told, name); labels != got.labels {
			t.Errorf("METRICS.md gives %s the labels %q, it has %q", name, got.labels, labels)
		}
	}
	for name := range documented {
		if _, ok := kinds[name]; !ok && !rare[name] {
			t.Errorf("METRICS.md has %s, which the program does not tell", name)
		}
	}
}

// rare are the metrics that tell nothing before something rare has happened.
var rare = map[string]bool{"thumbedge_database_failures_total": true, "thumbedge_swept_files_total": true,
	"thumbedge_draft_rows_removed_total": true, "thumbedge_private_thumbnails_total": true, "thumbedge_private_storage_up": true}

// labelsOf returns the names of a metric's labels, in order, le left out.
func labelsOf(told, name string) string {
	line := regexp.MustCompile(`(?m)^` + name + `(?:_sum|_total)?\{([^}]*)\} `).FindStringSubmatch(told)
	if line == nil {
		return ""
	}
	var names []string
	for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(line[1], -1) {
		names = append(names, "`"+label[1]+"`")
	}
	return strings.Join(names, " ")
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
			if d, ok := documented[base]; !ok || base != name && d.kind != "histogram" {
				t.Errorf("%s asks for %s, which METRICS.md does not have", file, name)
			}
		}
	}
}
