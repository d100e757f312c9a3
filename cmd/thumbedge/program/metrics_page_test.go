package program_test

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

// metric is one as its own description has it.
type metric struct{ name, kind, labels, meaning string }

// metricGroups are the page's headings, and what the names of their metrics begin with.
// A metric belongs to the first group that fits.
var metricGroups = []struct {
	heading  string
	prefixes []string
}{
	{"Pages and the warm set", []string{"page_", "pages_", "warmset_"}},
	{"The response cache", []string{"responses_"}},
	{"Private galleries", []string{"draft_", "private_", "signed_", "signatures_"}},
	{"Thumbnails", []string{"cold_", "fallbacks_", "storage_", "swept_", "thumbnail_"}},
	{"The database", []string{"database_", "listener_", "notifications_"}},
	{"Requests, the app and the process", []string{""}},
}

// metricsPage writes deploy/METRICS.md.
func metricsPage(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	var page strings.Builder
	page.WriteString("# Metrics\n\n`/metrics` of the admin listener tells these, and beside them Go's and the process's own (`go_…`, `process_…`). All labels have\n" +
		"small closed sets of values. A series of a label is absent until what it counts has happened once, unless it was laid out at the start.\n" +
		"The last column links the alerts that look at a metric to what to do when they fire. A test writes this page from the metrics'\n" +
		"own descriptions and from [alerts.yml](prometheus/alerts.yml), and compares it.\n")
	metrics, alerts := describedMetrics(t, registry), alertsByMetric(t)
	for _, group := range metricGroups {
		fmt.Fprintf(&page, "\n## %s\n\n| metric | type | labels | meaning | alert |\n|---|---|---|---|---|\n", group.heading)
		metrics = slices.DeleteFunc(metrics, func(m metric) bool {
			in := slices.ContainsFunc(group.prefixes, func(prefix string) bool { return strings.HasPrefix(m.name, "thumbedge_"+prefix) })
			if in {
				fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s |\n", m.name, m.kind, m.labels, strings.ReplaceAll(m.meaning, "|", `\|`), strings.Join(alerts[m.name], " "))
			}
			return in
		})
	}
	return page.String()
}

// description is what a prometheus.Desc says of itself, which has no accessors.
var description = regexp.MustCompile(`^Desc\{fqName: "(\w+)", help: "(.*)", unit: ".*", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// describedMetrics returns the metrics of a registry, whether they have told anything yet or not.
func describedMetrics(t *testing.T, registry *prometheus.Registry) (metrics []metric) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, family := range families {
		kinds[family.GetName()] = strings.ToLower(family.GetType().String())
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(descriptions)
		close(descriptions)
	}()
	for d := range descriptions {
		m := description.FindStringSubmatch(d.String())
		if m == nil {
			t.Errorf("this is not how a description is expected to look: %v", d)
			continue
		}
		name, meaning := m[1], strings.ReplaceAll(m[2], `\"`, `"`)
		if !strings.HasPrefix(name, "thumbedge_") {
			continue
		}
		kind := kinds[name]
		if kind == "" && strings.HasSuffix(name, "_total") {
			kind = "counter" // promtool wants each counter to end so, and nothing else
		}
		if kind == "" {
			t.Errorf("%s tells nothing here, so that its type is not known", name)
		}
		metrics = append(metrics, metric{name, kind + unitOf(name), labelsIn(m[3], m[4]), meaning})
	}
	slices.SortFunc(metrics, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	return slices.Compact(metrics)
}

// unitOf returns the unit that a metric's name says, to stand behind its type.
func unitOf(name string) string {
	for _, unit := range []string{"seconds", "bytes", "ratio"} {
		if strings.HasSuffix(strings.TrimSuffix(name, "_total"), "_"+unit) {
			return ", " + unit
		}
	}
	return ""
}

// labelsIn returns the names among a description's labels: `name="value",…` and `name,…`.
func labelsIn(constant, variable string) string {
	var names []string
	for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(constant, -1) {
		names = append(names, "`"+label[1]+"`")
	}
	for _, name := range regexp.MustCompile(`\w+`).FindAllString(variable, -1) {
		names = append(names, "`"+name+"`")
	}
	return strings.Join(names, " ")
}

// alertsByMetric returns, for each metric, links to the runbook's words on the alerts that look at it.
func alertsByMetric(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(deploy + "prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	links := map[string][]string{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			link := fmt.Sprintf("[%s](RUNBOOK.md#%s)", strings.TrimPrefix(rule.Alert, "Thumbedge"), strings.ToLower(rule.Alert))
			for _, name := range regexp.MustCompile(`thumbedge_\w+`).FindAllString(rule.Expr, -1) {
				if !slices.Contains(links[name], link) {
					links[name] = append(links[name], link)
				}
			}
		}
	}
	return links
}
