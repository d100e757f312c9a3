package deploy_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// alerts returns the alerts of alerts.yml with their descriptions.
func alerts(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?s)alert: (\w+)\n.*?description: '([^']*)'`).FindAllStringSubmatch(read(t, "prometheus/alerts.yml"), -1) {
		found[m[1]] = m[2]
	}
	if len(found) < 10 {
		t.Fatalf("found %d alerts only: does the pattern still fit alerts.yml?", len(found))
	}
	return found
}

// TestAlertRules has Prometheus's own tool read the rules, and try each on series in
// which it should fire, before it should, and on a healthy proxy's (alerts_test.yml).
func TestAlertRules(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.Command("promtool", args...)
		cmd.Dir = "prometheus"
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v (apt-get install prometheus): %v\n%s", args, err, output)
		}
	}
	tests := read(t, "prometheus/alerts_test.yml")
	healthy := tests[strings.Index(tests, "name: healthy"):]
	for alert := range alerts(t) {
		fires := regexp.MustCompile(`alertname: ` + alert + `\n +exp_alerts:\n +- exp_labels`)
		before := "alertname: " + alert + ", exp_alerts: []"
		if !fires.MatchString(tests) || strings.Count(tests, before) != 2 || !strings.Contains(healthy, before) {
			t.Errorf("alerts_test.yml does not try %s when it should fire, before, and on a healthy proxy", alert)
		}
	}
}

// TestRunbookAlerts: the runbook has each alert, with what it means and the first three
// commands, and no other. TestRunbook runs the commands.
func TestRunbookAlerts(t *testing.T) {
	t.Parallel()
	alerts, described := alerts(t), []string{}
	section := regexp.MustCompile("(?s)\n### (Thumbedge\\w+)\n\n([^`#]+(?:`[^`\n]+`[^`#]*)*)```sh\n(.*?)```\n")
	for _, m := range section.FindAllStringSubmatch(read(t, "RUNBOOK.md"), -1) {
		name, meaning, commands := m[1], m[2], strings.Split(strings.TrimSpace(m[3]), "\n")
		described = append(described, name)
		if alerts[name] == "" {
			t.Errorf("RUNBOOK.md has %s, which is no alert", name)
		}
		if len(strings.Fields(meaning)) < 8 || len(commands) != 3 {
			t.Errorf("RUNBOOK.md says of %s %q, and %d commands; want what it means, and three", name, meaning, len(commands))
		}
	}
	for name := range alerts {
		if !slices.Contains(described, name) {
			t.Errorf("RUNBOOK.md lacks %s", name)
		}
	}
}
