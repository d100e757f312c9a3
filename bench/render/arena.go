package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/thumbedge/thumbedge/imaging/render"
)

//go:embed pillow.py
var pillowScript []byte

// arena is a folder in which the contestants run, and the contestants.
type arena struct {
	dir         string
	contestants []contestant
}

// contestant does a job and leaves its pictures as <its name>_<width>.jpg.
type contestant struct {
	name string
	run  func(j job, round string) (result, error)
}

// newArena prepares the folder, and builds this program without libjpeg-turbo for
// the pure Go engine.
func newArena(dir, photos string) (*arena, error) {
	for _, name := range []string{"night_4096x2160.jpg", "night_24mp_6000x4000.jpg", "progressive_1600.jpg", "tiny_120.jpg"} {
		photo, err := os.ReadFile(filepath.Join(photos, name))
		if err != nil {
			return nil, err
		}
		if name == "tiny_120.jpg" {
			name = "tiny.jpg"
		}
		if err := os.WriteFile(filepath.Join(dir, name), photo, 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "pillow.py"), pillowScript, 0o600); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	pure := filepath.Join(dir, "pure")
	build := exec.Command("go", "build", "-o", pure, "./bench/render")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the pure Go engine: %w: %s", err, out)
	}
	a := &arena{dir: dir}
	a.contestants = []contestant{
		{"Pillow", a.reporting("Pillow", "/usr/bin/python3", "pillow.py", "render")},
		{"libvips", a.vips},
		{"engine " + render.Engine(), a.reporting("engine "+render.Engine(), self, "-worker")},
		{"turbojpeg with imaging", a.reporting("turbojpeg with imaging", self, "-imaging")},
		{"engine go", a.reporting("engine go", pure, "-worker")},
	}
	return a, nil
}

// reporting is a contestant that measures itself and reports as JSON.
func (a *arena) reporting(name, program string, args ...string) func(job, string) (result, error) {
	return func(j job, _ string) (r result, err error) {
		out, _, err := a.command(program, append(args, j.photo, joinInts(j.widths), strconv.Itoa(j.loops), name)...)
		if err != nil {
			return r, err
		}
		return r, json.Unmarshal(out, &r)
	}
}

// vips runs vipsthumbnail, which cannot loop: on one file and on several copies
// of it, so that what starting it costs can be taken off. The labels are a run
// each; there is no way to have several of one decode.
func (a *arena) vips(j job, round string) (r result, err error) {
	for _, width := range j.widths {
		var copies []string
		for i := range j.loops + 1 {
			link := fmt.Sprintf("vips_%s_%d_%d_%s", round, width, i, j.photo)
			if err := os.Symlink(j.photo, filepath.Join(a.dir, link)); err != nil && !os.IsExist(err) {
				return r, err
			}
			copies = append(copies, link)
		}
		args := func(files ...string) []string {
			return append([]string{"--size", strconv.Itoa(width) + "x>", "-o", fmt.Sprintf("libvips_%d.jpg[Q=82,interlace,optimize_coding,strip]", width)}, files...)
		}
		_, idle, err := a.command("vipsthumbnail", args("tiny.jpg")...)
		if err != nil {
			return r, err
		}
		_, one, err := a.command("vipsthumbnail", args(copies[0])...)
		if err != nil {
			return r, err
		}
		_, all, err := a.command("vipsthumbnail", args(copies...)...)
		if err != nil {
			return r, err
		}
		r.CPU += (all.CPU - one.CPU) / float64(j.loops)
		r.Memory = max(r.Memory, one.Memory-idle.Memory)
	}
	return r, nil
}

// command runs a program, on one core as far as it can be told, in the arena's
// folder.
func (a *arena) command(program string, args ...string) ([]byte, result, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "VIPS_CONCURRENCY=1", "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, result{}, fmt.Errorf("running %s: %w", program, err)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	spent := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return out, result{CPU: spent, Memory: float64(usage.Maxrss) * 1024}, nil
}

// judge weighs a contestant's pictures, and compares them with the original,
// scaled at full quality.
func (a *arena) judge(j job, name string) (r result, err error) {
	r.psnr = math.Inf(1)
	for _, width := range j.widths {
		picture := fmt.Sprintf("%s_%d.jpg", name, width)
		file, err := os.Stat(filepath.Join(a.dir, picture))
		if err != nil {
			return r, err
		}
		r.size += int(file.Size())
		out, _, err := a.command("/usr/bin/python3", "pillow.py", "psnr", j.photo, picture)
		if err != nil {
			return r, err
		}
		var difference struct{ MSE float64 }
		if err := json.Unmarshal(out, &difference); err != nil {
			return r, err
		}
		r.psnr = min(r.psnr, 10*math.Log10(255*255/difference.MSE))
	}
	return r, nil
}
