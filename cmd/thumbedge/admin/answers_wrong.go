package admin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// partSections are the runbook's sections on parts that are not as they should be.
var partSections = map[string]string{
	"app": sectionApp, "database": sectionDatabase, "notifications": sectionListener, "storage": sectionStorage,
	"private storage": sectionStorage, "signing": sectionDrafts, "spool": sectionSize, "responses": sectionShare,
}

// incidents are what was counted and should not have been. A text has room for how many
// of what it was, whose names for one and for many follow.
var incidents = []struct{ chart, text, one, many, runbook string }{
	{"upstream_errors", "The app gave no usable answer to %s", "request", "requests", sectionApp},
	{"answers_broken", "The app broke off %s", "answer", "answers", sectionApp},
	{"unresolved", "The database did not answer in time for %s", "page", "pages", sectionUnresolved},
	{"refused", "%s refused, for server.max_conns were open,", "connection was", "connections were", sectionRefused},
	{"panics", "%s contained, each a bug that the log's lines tell,", "panic was", "panics were", sectionPanics},
}

// wrong answers whether anything is wrong: with a part now, or with what was counted lately.
func (f *facts) wrong() (told []Sentence) {
	for _, p := range f.readiness.Parts {
		if p.State == "ok" {
			continue
		}
		since := ""
		if p.Since != nil {
			since = fmt.Sprintf(" since %s, %s", p.Since.UTC().Format("15:04:05 UTC"), ago(f.now.Sub(*p.Since)))
		}
		runbook := partSections[p.Name]
		if runbook == "" {
			runbook = sectionAway
		}
		told = append(told, Sentence{p.State, fmt.Sprintf("%s is %s%s: %s.", sentenceCase(p.Name), p.State, since, strings.TrimSuffix(p.Effect, ".")), runbook})
	}
	for _, i := range incidents {
		if n := f.lately(i.chart); n > 0 {
			text := fmt.Sprintf(i.text, several(n, i.one, i.many))
			if causes := f.causes(i.chart); len(f.counted[i.chart]) > 1 {
				text += " (" + causes + ")"
			}
			told = append(told, Sentence{"degraded", text + " " + f.period() + ".", i.runbook})
		}
	}
	if n := f.lately("failures"); n > 0 {
		told = append(told, Sentence{"degraded", fmt.Sprintf("%s could not be made %s: %s. Those that failed last are listed below.",
			several(n, "thumbnail", "thumbnails"), f.period(), f.causes("failures")), sectionBroken})
	}
	if told == nil {
		told = []Sentence{{State: "ok", Text: fmt.Sprintf("Nothing is wrong: each of %d parts is as it should be, and nothing has failed %s.", len(f.readiness.Parts), f.period())}}
	}
	return told
}

// causes lists what a chart's series counted lately, the most frequent first.
func (f *facts) causes(chart string) string {
	type cause struct {
		name string
		n    int64
	}
	var all []cause
	for name, c := range f.counted[chart] {
		if n := int64(c.lately); n > 0 {
			all = append(all, cause{name, n})
		}
	}
	slices.SortFunc(all, func(a, b cause) int {
		if a.n != b.n {
			return int(b.n - a.n)
		}
		return strings.Compare(a.name, b.name)
	})
	texts := make([]string, len(all))
	for i, c := range all {
		texts[i] = humanize.Comma(c.n) + " " + words(c.name)
	}
	return strings.Join(texts, ", ")
}

// several writes a number and what it is of.
func several(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(n) + " " + many
}

// length writes a duration as people say it.
func length(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return several(max(1, int64(d.Seconds())), "second", "seconds")
	case d < 2*time.Hour:
		return several(int64(d.Minutes()), "minute", "minutes")
	case d < 48*time.Hour:
		return several(int64(d.Hours()), "hour", "hours")
	}
	return several(int64(d.Hours()/24), "day", "days")
}

func ago(d time.Duration) string { return length(d) + " ago" }

func sentenceCase(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
