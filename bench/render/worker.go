package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const quality = 82

// work is a contestant that this binary has in it: PHOTO WIDTHS LOOPS OUT, as
// pillow.py takes them.
func work(args []string, once func([]byte, []thumb.Spec) ([]render.Picture, error)) error {
	if len(args) != 4 {
		return fmt.Errorf("PHOTO WIDTHS LOOPS OUT are needed, not %q", args)
	}
	var specs []thumb.Spec
	for text := range strings.SplitSeq(args[1], ",") {
		width, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		specs = append(specs, thumb.Spec{Label: text, Width: width})
	}
	loops, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	original, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	tiny, err := os.ReadFile("tiny.jpg")
	if err != nil {
		return err
	}
	if _, err := once(tiny, specs); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return err
	}
	idle := memory("VmRSS:")
	best, peak := time.Hour, 0.0
	var pictures []render.Picture
	for loop := range loops {
		before := cpu()
		if pictures, err = once(original, specs); err != nil {
			return err
		}
		best = min(best, cpu()-before)
		if loop == 0 { // later ones find what the collector has not come to yet
			peak = memory("VmHWM:") - idle
		}
	}
	for i, p := range pictures {
		if err := os.WriteFile(fmt.Sprintf("%s_%d.jpg", args[3], specs[i].Width), p.JPEG, 0o600); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(result{CPU: best.Seconds(), Memory: peak})
}

// coresUsed renders one picture after another for a while, on as many cores as there
// are, and returns how many of them that took.
func coresUsed(photo string) (float64, error) {
	original, err := os.ReadFile(photo)
	if err != nil {
		return 0, err
	}
	specs := []thumb.Spec{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}
	before, began := cpu(), time.Now()
	for range 20 {
		if _, err := withEngine(original, specs); err != nil {
			return 0, err
		}
	}
	return float64(cpu()-before) / float64(time.Since(began)), nil
}

// withEngine renders with the engine that this binary was built with.
func withEngine(original []byte, specs []thumb.Spec) ([]render.Picture, error) {
	plan, err := render.Inspect(original, specs, render.Limits{MaxPixels: 100_000_000})
	if err != nil {
		return nil, err
	}
	return plan.Render(context.Background(), quality)
}

// memory reads a line of /proc/self/status, in bytes.
func memory(field string) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), field)
	kilobytes, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.ParseFloat(kilobytes, 64)
	return n * 1024
}

// cpu is what this process has used of it so far, the collector's share included.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
