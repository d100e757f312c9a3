package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
)

// TestReconcileOnATerminal watches a bar that is redrawn in its line through changes of
// the terminal's width, interrupts it as a user does, and goes on.
func TestReconcileOnATerminal(t *testing.T) {
	t.Parallel()
	k := newKillSite(t, true)
	k.manyRows()
	term := newTerminal(t, 80)
	slow := k.cmd(500)
	term.start(slow)
	term.await(`^rows \[ {40}\] 0% 0/15000$`)
	term.resize(20)
	term.await(`^\d+% \d+/s \d+`)
	term.resize(45)
	term.await(`^rows \d+% \d+/15000 \d+/s \d+s left$`)
	term.types("\x03")
	code, lines := term.end(slow)
	if code != exitFailed || len(lines) != 3 || !regexp.MustCompile(`^rows .* left\^C$`).MatchString(lines[0]) ||
		lines[1] != "thumbedge reconcile: interrupted; the same command goes on from here, --restart begins anew" || lines[2] != "" {
		t.Errorf("interrupted, it ends with %d and leaves %q", code, lines)
	}
	if k.count(`SELECT count(*) FROM thumbedge.reconcile WHERE name = 'reconcile_position'`) != 1 {
		t.Error("it does not remember where it was")
	}

	narrow := newTerminal(t, 20)
	next := k.cmd(1_000_000)
	narrow.start(next)
	code, lines = narrow.end(next)
	if code != exitDone || len(lines) < 4 || lines[2] != "{" || lines[len(lines)-1] != "" {
		t.Fatalf("going on, it ends with %d and leaves %q", code, lines)
	}
	for _, line := range lines[:2] {
		if !regexp.MustCompile(`^(rows |files )?\d+% \d+/s`).MatchString(line) {
			t.Errorf("a phase ends with %q", line)
		}
	}
	bars, _, _ := strings.Cut(string(narrow.shown()), "{")
	for _, bar := range strings.Split(bars, "\r") {
		if bar = strings.TrimRight(bar, "\x1b[K\n"); len(bar) > 20 {
			t.Errorf("%q does not fit into 20 columns", bar)
		}
	}
	var summary reconcile.Summary
	if err := json.Unmarshal([]byte(strings.Join(lines[2:], "\n")), &summary); err != nil || !summary.Resumed || summary.Rows != 15000 {
		t.Errorf("it found %+v (%v)", summary, err)
	}
}

// TestReconcileFailsOnATerminal: an error begins its own line.
func TestReconcileFailsOnATerminal(t *testing.T) {
	t.Parallel()
	k := newKillSite(t, true)
	k.manyRows()
	term := newTerminal(t, 80)
	cmd := k.cmd(500)
	term.start(cmd)
	term.await(`^rows .* 500/15000 `)
	if _, err := k.conn.Exec(t.Context(), `DROP TABLE main_sourceimagethumbnail CASCADE`); err != nil {
		t.Fatal(err)
	}
	code, lines := term.end(cmd)
	if code != exitFailed || len(lines) != 3 || !strings.HasPrefix(lines[0], "rows [") ||
		!strings.HasPrefix(lines[1], "thumbedge reconcile: walking over thumbnail rows: ") || lines[2] != "" {
		t.Errorf("it ends with %d and leaves %q", code, lines)
	}
}

// manyRows makes ten times as many rows, so that a run can be watched.
func (k *killSite) manyRows() {
	k.Helper()
	if _, err := k.conn.Exec(k.Context(), `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
		SELECT now(), now(), format('thumbnails/capture_%s/%s.jpg', id, g), g, 240, 1, 1, id FROM main_sourceimage, generate_series(1, 9) g ORDER BY id`); err != nil {
		k.Fatal(err)
	}
}

// terminal is a pseudo-terminal, and what it shows.
type terminal struct {
	*testing.T
	user, program *os.File // its two ends
	gone          chan struct{}

	mu     sync.Mutex
	output []byte // all there was
}

func newTerminal(t *testing.T, columns uint16) *terminal {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = user.Close() })
	number, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{T: t, user: user, program: program, gone: make(chan struct{})}
	term.resize(columns)
	return term
}

func (term *terminal) resize(columns uint16) {
	term.Helper()
	if err := unix.IoctlSetWinsize(int(term.user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		term.Fatal(err)
	}
}

func (term *terminal) types(text string) {
	term.Helper()
	if _, err := term.user.WriteString(text); err != nil {
		term.Fatal(err)
	}
}

// start starts a program in the foreground of the terminal.
func (term *terminal) start(cmd *exec.Cmd) {
	term.Helper()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.program, term.program, term.program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err := cmd.Start()
	_ = term.program.Close()
	if err != nil {
		term.Fatal(err)
	}
	go func() {
		defer close(term.gone)
		buf := make([]byte, 4096)
		for {
			n, err := term.user.Read(buf)
			term.mu.Lock()
			term.output = append(term.output, buf[:n]...)
			term.mu.Unlock()
			if err != nil {
				return // EIO: the program has ended
			}
		}
	}()
	term.Cleanup(func() { _ = cmd.Process.Kill(); <-term.gone })
}

// screen is what a terminal shows after some output: the lines, the last of which the
// cursor is in.
func screen(output []byte) []string {
	lines, column := []string{""}, 0
	for len(output) > 0 {
		line := &lines[len(lines)-1]
		if rest, found := bytes.CutPrefix(output, []byte("\x1b[K")); found {
			*line, output = (*line)[:column], rest
			continue
		}
		switch c := output[0]; c {
		case '\r':
			column = 0
		case '\n':
			lines = append(lines, "")
		default:
			*line = (*line)[:column] + string(c) + (*line)[min(column+1, len(*line)):]
			column++
		}
		output = output[1:]
	}
	return lines
}

func (term *terminal) shown() []byte {
	term.mu.Lock()
	defer term.mu.Unlock()
	return slices.Clone(term.output)
}

// await waits until the line that the cursor is in matches.
func (term *terminal) await(pattern string) {
	term.Helper()
	matches := regexp.MustCompile(pattern)
	again, late := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for {
		lines := screen(term.shown())
		if matches.MatchString(lines[len(lines)-1]) {
			return
		}
		select {
		case <-late:
			term.Fatalf("not within a minute: %s: %q", pattern, lines)
		case <-term.gone:
			term.Fatalf("it ended before %s: %q", pattern, lines)
		case <-again.C:
		}
	}
}

// end waits for the program's end, and returns its exit status and what is shown then.
func (term *terminal) end(cmd *exec.Cmd) (code int, lines []string) {
	term.Helper()
	select {
	case <-term.gone:
	case <-time.After(time.Minute):
		term.Fatalf("it does not end: %q", screen(term.shown()))
	}
	_ = cmd.Wait() // the exit status says it
	return cmd.ProcessState.ExitCode(), screen(term.shown())
}
