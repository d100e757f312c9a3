package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
)

// lineEvery is how often progress is a line, where there is no terminal.
const lineEvery = 10 * time.Second

// progress shows how far reconcile is: a bar on a terminal, lines elsewhere. It
// belongs to one goroutine.
type progress struct {
	w        io.Writer
	terminal bool
	phase    string
	began    time.Time // the phase, in this process
	from     int64     // what was done by then
	said     time.Time
	bar      *progressbar.ProgressBar
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, began: time.Now()}
	if file, ok := w.(*os.File); ok {
		stat, err := file.Stat()
		p.terminal = err == nil && stat.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *progress) tell(now reconcile.Progress) {
	if now.Phase != p.phase {
		p.end()
		p.phase, p.from, p.began, p.said = now.Phase, now.Done, time.Now(), time.Time{}
		if p.terminal {
			p.bar = progressbar.NewOptions64(now.Total, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(now.Phase),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(now.Phase),
				progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond))
		}
	}
	switch {
	case p.bar != nil:
		p.bar.ChangeMax64(max(now.Total, now.Done))
		_ = p.bar.Set64(now.Done) // a terminal that is gone takes nothing away
	case time.Since(p.said) >= lineEvery:
		p.said = time.Now()
		fmt.Fprintln(p.w, p.line(now))
	}
}

// line is progress in words.
func (p *progress) line(now reconcile.Progress) string {
	text := fmt.Sprintf("%s: %d of about %d", now.Phase, now.Done, max(now.Total, now.Done))
	rate := float64(now.Done-p.from) / time.Since(p.began).Seconds()
	if now.Done == p.from || rate <= 0 {
		return text // nothing to measure yet
	}
	left := time.Duration(float64(max(now.Total-now.Done, 0)) / rate * float64(time.Second))
	return fmt.Sprintf("%s, %.0f a second, about %s left", text, rate, left.Round(time.Second))
}

// end ends the bar's line.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Exit()
		fmt.Fprintln(p.w)
		p.bar = nil
	}
}
