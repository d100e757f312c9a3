package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// TestUnit lets systemd judge the unit: every line is known, and the exposure of the
// service is at most 2.5 of 10.
func TestUnit(t *testing.T) {
	t.Parallel()
	unit := filepath.Join(t.TempDir(), "thumbedge.service")
	judge := func(text string, args ...string) (string, error) {
		if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		output, err := exec.Command("systemd-analyze", append(args, unit)...).CombinedOutput()
		return string(output), err
	}
	text := strings.ReplaceAll(read(t, "systemd/thumbedge.service"), "/usr/local/bin/thumbedge", binary(t))
	if output, err := judge(text, "verify", "--man=no"); err != nil || strings.Contains(output, unit) {
		t.Errorf("verify: %v\n%s", err, output)
	}
	if output, err := judge(text, "security", "--offline=true", "--threshold=25"); err != nil {
		t.Errorf("security: %v\n%s", err, output)
	}
	if _, err := judge("[Service]\nExecStart=/bin/true\n", "security", "--offline=true", "--threshold=25"); err == nil {
		t.Error("a unit without any protection passes: this test shows nothing")
	}
}

// TestStopOutlastsGrace: systemd does not kill what still drains.
func TestStopOutlastsGrace(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)$`).FindStringSubmatch(read(t, "systemd/thumbedge.service"))
	if found == nil {
		t.Fatal("no TimeoutStopSec found")
	}
	stop, err := time.ParseDuration(found[1] + "s")
	if grace := config.Defaults().Server.ShutdownGrace; err != nil || stop <= grace {
		t.Errorf("TimeoutStopSec is %v, server.shutdown_grace %v", stop, grace)
	}
}
