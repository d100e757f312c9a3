package drive

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/thumbedge/thumbedge/internal/history"
)

// usualCache is cache.max_size, and smallCache what it is for a while.
const usualCache, smallCache = 64 << 20, 2 << 20

// allWidths are those of every label that a replica is ever told of.
var allWidths = map[string]int{"small": 96, "medium": 192, "tiny": 48}

// otherLabels are what a replica is told of labels for a while: swapped, one more before
// the others or between them, one less.
var otherLabels = []labels{{"medium", "small"}, {"tiny", "small", "medium"}, {"medium", "tiny", "small"}, {"small"}, {"medium"}}

// changeFile has a replica read a changed file, and the first one again later.
func (s *site) changeFile(ctx context.Context, random *rand.Rand) error {
	r := pick(random, s.replicas)
	name, _ := r.present()
	s.runs(name, allWidths)
	for _, now := range []struct {
		labels labels
		cache  int64
	}{{pick(random, otherLabels), pick(random, []int64{usualCache, smallCache})}, {usual, usualCache}} {
		over := s.fault(history.Fault{Replica: r.place, What: fmt.Sprintf("labels are %v", now.labels), Kind: history.FaultReload})
		err := r.reload(name, now.labels, now.cache)
		pause(ctx, random, time.Second)
		over()
		if err != nil {
			return err
		}
	}
	return nil
}

// reload has a process take another file, and returns when it has.
func (r *replica) reload(name string, l labels, cache int64) error {
	before, err := r.generation()
	if err != nil {
		return err
	}
	if _, err := r.configure(name, l.specs(allWidths), cache); err != nil {
		return err
	}
	r.signal(syscall.SIGHUP)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if now, err := r.generation(); err == nil && now > before {
			return nil
		}
	}
	_, process := r.present()
	return fmt.Errorf("%s does not take another file: %s", name, process.Log())
}

var generationMetric = regexp.MustCompile(`(?m)^thumbedge_config_generation (\d+)$`)

// generation returns how many files the process has taken.
func (r *replica) generation() (int, error) {
	response, err := http.Get(r.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	found := generationMetric.FindSubmatch(metrics)
	if found == nil {
		return 0, fmt.Errorf("%s says nothing of its file", r.place)
	}
	return strconv.Atoi(string(found[1]))
}
