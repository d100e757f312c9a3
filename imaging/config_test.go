package imaging

import (
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	cfg := Defaults()
	cfg.Specs = thumb.Specs{{Label: "small", Width: 240}}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	cfg.Render.Queue = maxQueue + 1
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "render.queue: must be 1 to 8192") {
		t.Errorf("of a queue of %d: %v", cfg.Render.Queue, err)
	}
	if err := new(Config).Validate(); err == nil {
		t.Error("nothing at all is valid")
	}
}

func TestValidateReportsEverything(t *testing.T) {
	t.Parallel()
	cfg := Config{
		Render:         RenderConfig{Workers: -1, Queue: 0, MaxWait: 0, Quality: 101},
		Source:         source.Config{MaxBytes: -1},
		ReplacedConfig: ReplacedConfig{DeleteAfter: -time.Second},
	}
	err := cfg.Validate()
	lines := strings.Split(err.Error(), "\n")
	for _, key := range []string{"thumbnails: ", "render.workers: ", "render.memory: ", "render.queue: ", "render.max_wait: ", "render.quality: ",
		"source.max_bytes: ", "storage.delete_after: "} {
		found := 0
		for _, line := range lines {
			if strings.HasPrefix(line, key) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d lines begin with %q in\n%v", found, key, err)
		}
	}
	if _, err := New(cfg, Deps{}); err == nil {
		t.Error("New accepts it")
	}
}
