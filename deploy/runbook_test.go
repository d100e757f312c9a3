package deploy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// step is one command of the runbook, or one block of them.
type step struct{ section, commands string }

// runbookSteps returns the commands of RUNBOOK.md in the order in which they stand:
// blocks, and what stands in backquotes and begins with the name of a program.
func runbookSteps(t *testing.T) (steps []step) {
	t.Helper()
	section := ""
	pattern := regexp.MustCompile("(?ms)^#+ ([^\n]+)$|^ *```sh\n(.*?)^ *```$|`(([a-z][a-z0-9-]*) [^`]+)`")
	for _, found := range pattern.FindAllStringSubmatch(read(t, "RUNBOOK.md"), -1) {
		heading, block, inline, program := found[1], found[2], found[3], found[4]
		switch {
		case heading != "":
			section = heading
		case block != "":
			steps = append(steps, step{section, block})
		case isProgram(program):
			steps = append(steps, step{section, inline})
		}
	}
	if len(steps) < 25 {
		t.Fatalf("found %d commands only: does the pattern still fit the runbook?", len(steps))
	}
	return steps
}

func isProgram(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil || slices.Contains([]string{"thumbedge", "systemctl", "journalctl", "nginx"}, name)
}

// TestRunbook runs every command of the runbook from top to bottom, on one site. What
// a section is about happens while its commands run: the database is killed, storage
// is away.
func TestRunbook(t *testing.T) {
	t.Parallel()
	database := testenv.Postgres(t)
	s := newSite(t, database.TCPURL("postgres"))
	h := newHost(t, s)
	section, configured := "", false
	leave := func() {}
	for _, step := range runbookSteps(t) {
		if step.section != section {
			leave()
			section, leave = step.section, enter(t, h, s, step.section, &database)
		}
		if !configured && strings.Contains(step.commands, "thumbedge check") {
			h.configure(s, h.traced()...)
			configured = true
		}
		output, err := h.sh(step.commands)
		if strings.Contains(step.commands, "journalctl -u thumbedge -n 50 | grep") { // a line may come after its answer
			eventually.Holds(t, "the log has it", func() bool {
				if err != nil {
					output, err = h.sh(step.commands)
				}
				return err == nil
			})
		}
		t.Logf("%s\n%s%s", step.section, step.commands, output)
		// What check is for: it says that storage is away.
		if away := section == "Storage is away" && strings.HasPrefix(step.commands, "thumbedge check"); away {
			if err == nil || strings.Count(output, "FAILED") != 1 || !strings.Contains(output, "FAILED    storage") {
				t.Errorf("with storage away, check says %v:\n%s", err, output)
			}
			leave()
			leave = func() {}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v\n%s\n%s", step.section, err, step.commands, output)
		}
		h.verify(step, output)
	}
	leave()
}

// TestViaFindsTheLoop: nginx is not trusted, so that the app is told http, and redirects
// to the https that the client has come by. check --via says so, and the way out works.
func TestViaFindsTheLoop(t *testing.T) {
	t.Parallel()
	s := newSite(t, testenv.Database(t))
	h := newHost(t, s)
	h.must("install -m 755 bin/thumbedge /usr/local/bin/thumbedge; install -m 644 deploy/systemd/thumbedge.service /etc/systemd/system/thumbedge.service")
	const trusted = `trusted_proxies = ["127.0.0.0/8", "::1/128"]`
	h.configure(s, trusted, `trusted_proxies = ["192.0.2.1/32"]`)
	h.must("systemctl start thumbedge")
	h.awaitReady("app")
	s.nginx.Write(s.conf(h.listen))
	if err := s.nginx.Reload(); err != nil {
		t.Fatal(err)
	}
	const look = "thumbedge check --via https://antenna.example.org"
	output, err := h.sh(look)
	if err == nil || !strings.Contains(output, "FAILED    site") || !strings.Contains(output, "redirects without end") || !strings.Contains(output, "server.trusted_proxies") {
		t.Errorf("%v\n%s", err, output)
	}
	h.configure(s)
	h.must("systemctl restart thumbedge")
	h.awaitReady("app")
	if output, err := h.sh(look); err != nil {
		t.Errorf("with nginx trusted: %v\n%s", err, output)
	}
}

// verify looks at what a command is there to show.
func (h *host) verify(step step, output string) {
	h.t.Helper()
	if strings.Contains(step.commands, "start thumbedge") { // restart, too; the reader looks on when it is up
		h.awaitReady("database")
	}
	switch {
	case strings.Contains(step.commands, "check --via"):
		if fine := strings.Count(output, "ok  ") + strings.Count(output, "degraded  "); fine != 6 || !strings.Contains(output, "the page came through it") {
			h.t.Errorf("check --via says:\n%s", output)
		}
	case strings.Contains(step.commands, "check --diff"):
		if !strings.Contains(output, "log.level") {
			h.t.Errorf("check --diff says:\n%s", output)
		}
		eventually.Holds(h.t, "the reload is done", func() bool {
			left, err := h.sh("thumbedge check --diff")
			return err == nil && !strings.Contains(left, "log.level")
		})
	case strings.Contains(step.commands, "traceparent: "):
		trace := regexp.MustCompile(`trace_id=(\w+)`).FindStringSubmatch(output)
		if trace == nil {
			h.t.Errorf("the log has no trace:\n%s", output)
			return
		}
		eventually.Holds(h.t, "the trace's spans come", func() bool { return len(h.collector.Spans(trace[1])) >= 3 })
	case strings.Contains(step.commands, "kept_picture_bytes"):
		if strings.HasSuffix(strings.TrimSpace(output), " 0") {
			h.t.Errorf("with storage away: %s", output)
		}
	case strings.Contains(step.commands, "8080/127.0.0.1:8000/"), strings.Contains(step.commands, "8000/127.0.0.1:8080/"):
		back := strings.Contains(step.commands, "8080/127.0.0.1:8000/")
		seen, _ := h.sh("curl -sSI https://antenna.example.org/api/v2/captures/")
		if through := strings.Contains(seen, "Cache-Status: thumbedge"); through == back {
			h.t.Errorf("after %s the site answers:\n%s", step.commands, seen)
		}
	}
}

// enter brings about what a section is about, and returns what ends it.
func enter(t *testing.T, h *host, s *site, section string, database **postgresd.Server) (leave func()) {
	t.Helper()
	thumbnails := func(label string, status int) {
		for id := 1; id <= 2; id++ {
			h.expect(fmt.Sprintf("https://antenna.example.org/api/v2/captures/thumbnails/%d/?label=%s", id, label), status)
		}
	}
	switch section {
	case "Size it": // somebody has opened a gallery
		thumbnails("small", http.StatusFound)
	case "ThumbedgeColdPathFull": // something was rendered
		thumbnails("large", http.StatusFound)
	case "Reload": // somebody has changed the file
		h.configure(s, append(h.traced(), `level = "info"`, `level = "debug"`)...)
	case "Storage is away":
		s.storage.Down()
		thumbnails("medium", http.StatusOK) // rendered, sent, not kept
		return s.storage.Up
	case "The database fails over":
		_ = (*database).Kill()
		h.expect("https://antenna.example.org/media/none", http.StatusNotFound) // the app's part that needs no database
		return func() {
			next, err := postgresd.Start(t.Context(), (*database).Config())
			if err != nil {
				t.Fatal(err)
			}
			*database = next
			t.Cleanup(func() { _ = next.Stop() })
			h.awaitReady("database")
			const page = "curl -fsS -o /dev/null https://antenna.example.org/api/v2/captures/"
			eventually.Holds(t, "the app has noticed, too", func() bool { _, err := h.sh(page); return err == nil })
		}
	}
	return func() {}
}

// traced are the edits by which the host's thumbedge sends its spans to the host's collector.
func (h *host) traced() []string {
	return []string{`endpoint = ""                    # "http://127.0.0.1:4318"`, `endpoint = "` + h.collector.URL + `" #`}
}

// expect asks for a URL of the runbook's site.
func (h *host) expect(url string, status int) {
	h.t.Helper()
	output, err := h.sh("curl -sS -o /dev/null -w '%{http_code}' '" + url + "'")
	if err != nil || output != strconv.Itoa(status) {
		h.t.Errorf("%s is %s, %v; want %d", url, output, err, status)
	}
}

// awaitReady waits until /readyz shows that a part is ok.
func (h *host) awaitReady(part string) {
	h.t.Helper()
	again, late := time.NewTicker(50*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for {
		output, err := h.sh("curl -fsS http://127.0.0.1:9090/readyz")
		var ready admin.Readiness
		if err == nil && json.Unmarshal([]byte(output), &ready) == nil &&
			slices.ContainsFunc(ready.Parts, func(p admin.Part) bool { return p.Name == part && p.State == "ok" }) {
			return
		}
		select {
		case <-again.C:
		case <-late:
			h.t.Fatalf("%s is not ok again: %v, %s", part, err, output)
		}
	}
}
