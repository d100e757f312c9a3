package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
)

// moment is where a run was, and what the S3 server had used by then.
type moment struct {
	at     time.Time
	server time.Duration
}

func (s *storage) now() moment { return moment{time.Now(), s.serverCPU()} }

func measure(ctx context.Context, out io.Writer, dir, config string, s *storage) error {
	binary := filepath.Join(dir, "thumbedge")
	if output, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/thumbedge").CombinedOutput(); err != nil {
		return fmt.Errorf("building thumbedge: %w: %s", err, output)
	}
	cmd := exec.CommandContext(ctx, binary, "reconcile", "--json", "--config", config)
	progress, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("reading progress: %w", err)
	}
	var output strings.Builder
	cmd.Stdout = &output
	start := s.now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running reconcile: %w", err)
	}
	files := start // when it came to the files
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		fmt.Fprintln(os.Stderr, lines.Text())
		if files == start && strings.HasPrefix(lines.Text(), reconcile.PhaseFiles) {
			files = s.now()
		}
	}
	err = cmd.Wait()
	end := s.now()
	if err != nil {
		return fmt.Errorf("running reconcile: %w", err)
	}
	var found reconcile.Summary
	if err := json.Unmarshal([]byte(output.String()), &found); err != nil {
		return fmt.Errorf("reading what it found: %w", err)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	fmt.Fprintf(out, "| storage | rows | files | rows whose file is gone | files that no row names | time | CPU of its process | most memory, resident |\n|---|---|---|---|---|---|---|---|\n")
	fmt.Fprintf(out, "| %s | %d | %d | %d | %d | %.1f s | %.1f s | %d MiB |\n", s.name, found.Rows, found.Files, found.RowsFileGone, found.FilesUnnamed,
		end.at.Sub(start.at).Seconds(), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), used.Maxrss>>10)
	fmt.Fprintf(out, "\n%s for the rows, %s for the files; %d cores, %s\n", between(start, files), between(files, end),
		runtime.NumCPU(), strings.TrimPrefix(runtime.Version(), "go"))
	return nil
}

func between(from, to moment) string {
	text := fmt.Sprintf("%.1f s", to.at.Sub(from.at).Seconds())
	if to.server > 0 {
		text += fmt.Sprintf(" (the S3 server's CPU %.1f s)", (to.server - from.server).Seconds())
	}
	return text
}
