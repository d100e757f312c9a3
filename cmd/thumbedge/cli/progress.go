package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
)

// lineEvery is how often progress is a line, where there is no terminal.
const lineEvery = 10 * time.Second

// progress shows how far reconcile is: a bar on a terminal, lines elsewhere. It
// belongs to one goroutine.
type progress struct {
	w        io.Writer
	terminal *os.File // w, where it is a terminal
	drawn    bool     // the terminal's last line is the bar, without its end
	phase    string
	began    time.Time // the phase, in this process
	from     int64     // what was done by then
	said     time.Time
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.terminal = file
	}
	return p
}

func (p *progress) tell(now reconcile.Progress) {
	if now.Phase != p.phase {
		p.end()
		p.phase, p.from, p.began, p.said = now.Phase, now.Done, time.Now(), time.Time{}
	}
	switch {
	case p.terminal != nil:
		columns, _, err := term.GetSize(int(p.terminal.Fd())) // it may have been resized
		if err != nil || columns == 0 {
			columns = 80
		}
		// The rest of what was there before is cleared.
		fmt.Fprintf(p.w, "\r%s\x1b[K", p.bar(now, columns-3)) // with room for the ^C that a terminal shows
		p.drawn = true
	case time.Since(p.said) >= lineEvery:
		p.said = time.Now()
		fmt.Fprintln(p.w, p.line(now))
	}
}

// estimate returns the rate a second, and the time that what is left takes at it. Either
// is 0 where there is nothing to go by.
func (p *progress) estimate(now reconcile.Progress) (rate float64, left time.Duration) {
	rate = float64(now.Done-p.from) / time.Since(p.began).Seconds()
	if rate > 0 && now.Total > now.Done {
		left = time.Duration(float64(now.Total-now.Done) / rate * float64(time.Second)).Round(time.Second)
	}
	return rate, left
}

// line is progress in a sentence. More than there should be is no share of anything.
func (p *progress) line(now reconcile.Progress) string {
	text := fmt.Sprintf("%s: %d", now.Phase, now.Done)
	if now.Total >= now.Done {
		text += fmt.Sprintf(" of about %d", now.Total)
	}
	rate, left := p.estimate(now)
	if rate > 0 {
		text += fmt.Sprintf(", %.0f a second", rate)
	}
	if left > 0 {
		text += fmt.Sprintf(", about %s left", left)
	}
	return text
}

// bar is progress in so many columns. Where they are few, it goes without the bar
// itself, then without the numbers, then without the phase.
func (p *progress) bar(now reconcile.Progress, columns int) string {
	count, share, percent := fmt.Sprint(now.Done), "", 0
	if now.Total > 0 && now.Total >= now.Done {
		percent = int(100 * now.Done / now.Total)
		count, share = fmt.Sprintf("%d/%d", now.Done, now.Total), fmt.Sprintf("%d%%", percent)
	}
	speed := ""
	rate, left := p.estimate(now)
	if rate > 0 {
		speed = fmt.Sprintf("%.0f/s", rate)
	}
	if left > 0 {
		speed += fmt.Sprintf(" %s left", left)
	}
	all := words(now.Phase, share, count, speed)
	if room := min(columns-len(all)-len("[] "), 40); room >= 8 && share != "" {
		drawn := fmt.Sprintf("[%-*s]", room, strings.Repeat("=", room*percent/100))
		return words(now.Phase, drawn, share, count, speed)
	}
	for _, text := range []string{all, words(now.Phase, share, speed)} {
		if len(text) <= columns {
			return text
		}
	}
	least := words(share, speed)
	return least[:max(0, min(len(least), columns))]
}

// words puts those that are not empty in a line.
func words(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(w string) bool { return w == "" }), " ")
}

// end ends the bar's line.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprintln(p.w)
		p.drawn = false
	}
}
