//go:build linux && turbojpeg

package render_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/imaging/render"
)

// While a picture is made, a thread of nicer priority works on it, and no thread
// keeps that priority afterwards.
func TestRenderingGivesWay(t *testing.T) {
	plan, err := render.Inspect(read(t, "night_24mp_6000x4000.jpg"), specs[2:], limits)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	rendering := make(chan struct{})
	go func() {
		defer close(rendering)
		for ctx.Err() == nil {
			_, _ = plan.Render(ctx, quality)
		}
	}()
	lowest := niceness(t, "/proc/self/stat") + 10
	until(t, "a thread gives way", func() bool { return niceThreads(t, min(lowest, 19)) > 0 })
	stop()
	<-rendering
	until(t, "no thread does", func() bool { return niceThreads(t, min(lowest, 19)) == 0 })
}

// niceThreads counts this process's threads of a niceness.
func niceThreads(t *testing.T, nice int) (n int) {
	t.Helper()
	threads, _ := filepath.Glob("/proc/self/task/*/stat")
	for _, thread := range threads {
		if niceness(t, thread) == nice {
			n++
		}
	}
	return n
}

// niceness reads that of a thread, from its 19th field; -1 where it is gone.
func niceness(t *testing.T, stat string) int {
	t.Helper()
	text, err := os.ReadFile(stat)
	if err != nil {
		return -1
	}
	_, fields, _ := strings.Cut(string(text), ") ")
	nice, err := strconv.Atoi(strings.Fields(fields)[16])
	if err != nil {
		t.Fatal(err)
	}
	return nice
}

func until(t *testing.T, what string, claim func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !claim(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}
