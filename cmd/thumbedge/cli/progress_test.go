package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
)

func TestProgressLineSaysRateAndTimeLeft(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out)
	p.tell(reconcile.Progress{Phase: reconcile.PhaseRows, Done: 500, Total: 2000})
	p.began = time.Now().Add(-10 * time.Hour)
	line := p.line(reconcile.Progress{Phase: reconcile.PhaseRows, Done: 500 + 36000*2, Total: 500 + 36000*2 + 7200})
	if !strings.HasPrefix(line, "rows: 72500 of about 79700, 2 a second, about 1h0m") {
		t.Errorf("the line is %q", line)
	}
	if out.String() != "rows: 500 of about 2000\n" {
		t.Errorf("it printed %q", out.String())
	}
}

// TestProgressBarFits: what matters least is left out first, and nothing is claimed
// that is not known.
func TestProgressBarFits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		done, total int64
		columns     int
		want        string
	}{
		"wide":                 {72500, 145000, 200, "rows [====================                    ] 50% 72500/145000 20/s 1h0m25s left"},
		"usual":                {72500, 145000, 77, "rows [=================                  ] 50% 72500/145000 20/s 1h0m25s left"},
		"no bar":               {72500, 145000, 48, "rows 50% 72500/145000 20/s 1h0m25s left"},
		"no numbers":           {72500, 145000, 30, "rows 50% 20/s 1h0m25s left"},
		"no phase":             {72500, 145000, 21, "50% 20/s 1h0m25s left"},
		"narrow":               {72500, 145000, 17, "50% 20/s 1h0m25s "},
		"no room at all":       {72500, 145000, -2, ""},
		"at its end":           {72500, 72500, 50, "rows [=====================] 100% 72500/72500 20/s"},
		"more than were to be": {72500, 72499, 50, "rows 72500 20/s"},
		"nothing measured yet": {500, 1000, 40, "rows [==========          ] 50% 500/1000"},
		"nothing to be done":   {0, 0, 50, "rows 0"},
	} {
		p := progress{from: 500, began: time.Now().Add(-time.Hour)}
		if got := p.bar(reconcile.Progress{Phase: reconcile.PhaseRows, Done: c.done, Total: c.total}, c.columns); got != c.want {
			t.Errorf("%s, in %d columns: %q, want %q", name, c.columns, got, c.want)
		}
	}
}
