package cli

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// flushEvery is how long a line may lie in the buffer. An access log is on by
// default, and one system call a request would be a tenth of its whole cost.
const flushEvery = 100 * time.Millisecond

// newLog makes the configured logger on w. Lines are buffered for flushEvery, but
// warnings and errors are written at once, with all before them. Its level may be set
// later. The returned function writes what is left and stops the flushing.
func newLog(w io.Writer, cfg config.Log) (log *slog.Logger, level *slog.LevelVar, stop func()) {
	level = new(slog.LevelVar)
	level.Set(cfg.SlogLevel())
	buffer := &buffer{w: bufio.NewWriterSize(w, 64<<10), done: make(chan struct{})}
	options := &slog.HandlerOptions{Level: level}
	var inner slog.Handler = slog.NewTextHandler(buffer, options)
	if cfg.Format == "json" {
		options.ReplaceAttr = nameField
		inner = slog.NewJSONHandler(buffer, options)
	}
	buffer.running.Go(buffer.flushing)
	return slog.New(urgent{inner, buffer}), level, buffer.stop
}

// buffer is a writer that many goroutines share.
type buffer struct {
	mu      sync.Mutex
	w       *bufio.Writer
	done    chan struct{}
	running sync.WaitGroup
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.Write(p)
}

func (b *buffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.w.Flush() // there is nowhere to say that the log can't be written
}

func (b *buffer) flushing() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.flush()
		case <-b.done:
			return
		}
	}
}

func (b *buffer) stop() {
	close(b.done)
	b.running.Wait()
	b.flush()
}

// urgent flushes after what an operator must not miss when the process dies next.
type urgent struct {
	slog.Handler
	buffer *buffer
}

func (u urgent) Handle(ctx context.Context, r slog.Record) error {
	err := u.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		u.buffer.flush()
	}
	return err
}

func (u urgent) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgent{u.Handler.WithAttrs(attrs), u.buffer}
}

func (u urgent) WithGroup(name string) slog.Handler {
	return urgent{u.Handler.WithGroup(name), u.buffer}
}
