// Command measure renders one photo in a process of its own and prints the
// estimate, by how much the process grew at its peak, the CPU time in nanoseconds and
// whether there are pictures: PHOTO WIDTH...
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func main() {
	if err := measure(os.Args[1], os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

func measure(photo string, widths []string) error {
	var specs []thumb.Spec
	for _, text := range widths {
		width, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		specs = append(specs, thumb.Spec{Label: text, Width: width})
	}
	original, err := os.ReadFile(photo)
	if err != nil {
		return err
	}
	idle, err := resident("VmRSS:")
	if err != nil {
		return err
	}
	plan, err := render.Inspect(original, specs, render.Limits{MaxPixels: 100_000_000})
	if err != nil {
		return err
	}
	before, err := cpu()
	if err != nil {
		return err
	}
	_, refused := plan.Render(context.Background(), 82)
	after, err := cpu()
	if err != nil {
		return err
	}
	peak, err := resident("VmHWM:")
	fmt.Println(plan.Memory, peak-idle, after-before, refused == nil)
	return err
}

// cpu is what the process has used so far, in nanoseconds.
func cpu() (int64, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano(), err
}

// resident reads a line of /proc/self/status, in bytes: what the process holds,
// whether Go or C allocated it.
func resident(field string) (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), field)
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, err := strconv.ParseInt(number, 10, 64)
	return kilobytes << 10, err
}
