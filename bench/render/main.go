// Command render measures the rendering engines against what else makes
// thumbnails: Pillow doing what the app does, and libvips, and against themselves with
// disintegration/imaging in place of our scaler. Everything runs on one core, in turns,
// several rounds, of which the median counts. It prints Markdown.
//
//	go run -tags turbojpeg ./bench/render
//
// It needs Debian's python3-pil and libvips-tools.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 5, "rounds; the median counts")
	photos := flag.String("photos", "imaging/render/testdata/photos", "where the photos are")
	worker := flag.Bool("worker", false, "render and report, as one of the contestants (internal)")
	imaging := flag.Bool("imaging", false, "the same, scaling with disintegration/imaging (internal)")
	flag.Parse()
	var err error
	if *worker {
		err = work(flag.Args(), withEngine)
	} else if *imaging {
		err = work(flag.Args(), withImaging)
	} else {
		err = compare(*photos, *rounds)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// job is what every contestant has to do.
type job struct {
	name   string // as in the table
	photo  string
	widths []int
	loops  int
}

func jobs() []job {
	var all []job
	for _, photo := range []struct {
		title, file string
		loops       int
	}{
		{"4096×2160", "night_4096x2160.jpg", 5}, {"24 MP", "night_24mp_6000x4000.jpg", 3}, {"progressive 1600×844", "progressive_1600.jpg", 8},
	} {
		for _, labels := range []struct {
			name   string
			widths []int
		}{
			{"small", []int{240}}, {"medium", []int{1024}}, {"large", []int{2560}}, {"small + medium", []int{240, 1024}},
		} {
			all = append(all, job{photo.title + ", " + labels.name, photo.file, labels.widths, photo.loops})
		}
	}
	return all
}

// result is what a contestant did in a job.
type result struct {
	CPU    float64 `json:"cpu"`    // seconds, once
	Memory float64 `json:"memory"` // bytes above idle
	size   int     // of the pictures
	psnr   float64 // of the worst picture
}

func compare(photos string, rounds int) error {
	dir, err := os.MkdirTemp("", "bench-render")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	arena, err := newArena(dir, photos)
	if err != nil {
		return err
	}
	fmt.Println("| photo, labels | by | CPU | × Pillow | peak memory above idle | bytes | × Pillow | PSNR |")
	fmt.Println("|---|---|--:|--:|--:|--:|--:|--:|")
	for _, j := range jobs() {
		all := map[string][]result{}
		for round := range rounds {
			for _, c := range arena.contestants {
				r, err := c.run(j, strconv.Itoa(round))
				if err != nil {
					return fmt.Errorf("%s, %s: %w", j.name, c.name, err)
				}
				all[c.name] = append(all[c.name], r)
			}
		}
		if err := arena.print(j, all); err != nil {
			return err
		}
	}
	used, err := coresUsed(filepath.Join(dir, "night_4096x2160.jpg"))
	fmt.Printf("\nOne render after another, as with `render.workers = 1`, on a machine of %d cores: %.2f of a core.\n", runtime.NumCPU(), used)
	return err
}

// print prints a job's rows: of each contestant the median of its rounds.
func (a *arena) print(j job, all map[string][]result) error {
	title, pillow := j.name, result{}
	for i, c := range a.contestants {
		r, err := a.judge(j, c.name)
		if err != nil {
			return err
		}
		r.CPU, r.Memory = median(all[c.name])
		if i == 0 {
			pillow = r
		}
		fmt.Printf("| %s | %s | %.1f ms | %.2f | %.1f MB | %d | %.3f | %.2f dB |\n", title, c.name,
			r.CPU*1000, r.CPU/pillow.CPU, r.Memory/1e6, r.size, float64(r.size)/float64(pillow.size), r.psnr)
		title = ""
	}
	return nil
}

// median returns that of the time taken, and the most memory.
func median(rounds []result) (cpu, memory float64) {
	slices.SortFunc(rounds, func(a, b result) int { return cmp.Compare(a.CPU, b.CPU) })
	for _, r := range rounds {
		memory = max(memory, r.Memory)
	}
	return rounds[len(rounds)/2].CPU, memory
}

func joinInts(numbers []int) string {
	text := make([]string, len(numbers))
	for i, n := range numbers {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ",")
}
