// Command render measures the rendering engines against what else makes
// thumbnails: Pillow doing what the app does, and libvips. Everything runs on one
// core, in turns, several rounds; the best round of each counts. It prints
// Markdown.
//
//	go run -tags turbojpeg ./bench/render
//
// It needs Debian's python3-pil and libvips-tools.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 5, "rounds; the best of each counts")
	photos := flag.String("photos", "imaging/render/testdata/photos", "where the photos are")
	worker := flag.Bool("worker", false, "render and report, as one of the contestants (internal)")
	flag.Parse()
	var err error
	if *worker {
		err = work(flag.Args())
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
		{"4096×2160", "night_4096x2160.jpg", 5}, {"24 MP", "night_24mp_6000x4000.jpg", 2}, {"progressive 1600×844", "progressive_1600.jpg", 8},
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
		best := map[string]result{}
		for round := range rounds {
			for _, c := range arena.contestants {
				r, err := c.run(j, strconv.Itoa(round))
				if err != nil {
					return fmt.Errorf("%s, %s: %w", j.name, c.name, err)
				}
				if round == 0 {
					if r.size, r.psnr, err = arena.judge(j, c.name); err != nil {
						return err
					}
					best[c.name] = r
					continue
				}
				b := best[c.name]
				b.CPU, b.Memory = min(b.CPU, r.CPU), max(b.Memory, r.Memory)
				best[c.name] = b
			}
		}
		printJob(j, arena.contestants, best)
	}
	return nil
}

func printJob(j job, contestants []contestant, best map[string]result) {
	pillow := best["Pillow"]
	title := j.name
	for _, c := range contestants {
		r := best[c.name]
		fmt.Printf("| %s | %s | %.1f ms | %.2f | %.1f MB | %d | %.3f | %.2f dB |\n", title, c.name,
			r.CPU*1000, r.CPU/pillow.CPU, r.Memory/1e6, r.size, float64(r.size)/float64(pillow.size), r.psnr)
		title = ""
	}
}

func joinInts(numbers []int) string {
	text := make([]string, len(numbers))
	for i, n := range numbers {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ",")
}
