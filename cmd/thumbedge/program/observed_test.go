package program_test

import (
	"bytes"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// metric returns a value of /metrics, by its name and labels as they stand there; 0
// where there is none.
func (s *site) metric(name string) float64 {
	s.Helper()
	_, text := s.get("http://" + s.program.AdminAddr() + "/metrics")
	_, rest, _ := strings.Cut("\n"+string(text), "\n"+name+" ")
	value, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil && rest != "" {
		s.Fatalf("%s is %q", name, value)
	}
	return n
}

// caughtUp returns when thumbedge has been notified of all that was committed before:
// notifications come in that order, and its last one makes it forget a capture that
// nobody has.
func (s *site) caughtUp() {
	s.Helper()
	const nobodys = 1 << 62
	held := func() bool {
		_, ok := s.program.WarmSet().Lookup(nobodys)
		return ok
	}
	s.eventually("a capture is remembered", func() bool {
		_ = s.program.WarmSet().Resolve(s.Context(), []thumb.ID{nobodys}, make([]thumb.Known, 1))
		return held()
	})
	s.exec(`SELECT pg_notify('thumbedge', $1)`, strconv.Itoa(nobodys))
	s.eventually("notifications have come", func() bool { return !held() })
}

// logger is quiet, and keeps what was said.
func (s *site) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(io.MultiWriter(s.Output(), s.log), &slog.HandlerOptions{Level: s.level}))
}

// transcript is what was logged.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count returns how often a text was logged.
func (l *transcript) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.text.Bytes(), []byte(text))
}

// all returns everything that was logged.
func (l *transcript) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
