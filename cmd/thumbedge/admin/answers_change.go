package admin

import (
	"fmt"
	"strings"
	"time"
)

const (
	// oftenFull is the share of the time for which a limit is reached that is worth a word.
	oftenFull = 0.05
	// manyPages is how many pages an hour make sharing them worth a word.
	manyPages = 1000
	// reconcileAge is how old the last look at rows and files may be.
	reconcileAge = 31 * 24 * time.Hour
)

// limitsReached are the limits that are worth a word where they are often reached.
var limitsReached = []struct{ chart, series, text, runbook string }{
	{"used", "captures", "The queue of cold captures was full for %s: clients were told busy. More cores, or render.queue, help", sectionQueue},
	{"used", "workers", "All render workers were busy for %s: more cores, or render.workers, would make cold galleries faster", sectionSize},
	{"used", "memory_bytes", "render.memory was used up for %s while renders waited for it", sectionSize},
	{"used", "kept_picture_bytes", "The room for pictures that storage did not take was full for %s", sectionStorage},
	{"database_busy", "database_busy", "All connections to the database were busy for %s: raise database.max_conns", sectionPool},
}

// change answers what an operator should change.
func (f *facts) change() (told []Sentence) {
	add := func(runbook, format string, args ...any) {
		told = append(told, Sentence{"degraded", fmt.Sprintf(format, args...), runbook})
	}
	switch advice := f.curve.Advice; {
	case strings.HasSuffix(advice, "enlarge it."):
		add(sectionSize, "The warm set is too small. %s Resize it below, or set cache.max_size.", advice)
	case strings.HasSuffix(advice, "that would do, too."):
		add(sectionSize, "The warm set is larger than it need be. %s", advice)
	}
	if f.responses != nil && strings.HasSuffix(f.responses.Curve.Advice, "enlarge it.") {
		add(sectionSize, "The response cache is too small. %s Set responses.max_size.", f.responses.Curve.Advice)
	}
	for _, l := range limitsReached {
		if share := f.full[l.chart][l.series]; share >= oftenFull {
			add(l.runbook, l.text+".", fmt.Sprintf("%.0f %% of the time %s", 100*share, f.period()))
		}
	}
	if n := f.lately("labels", "other_authority"); n > 0 {
		add(sectionInstall, "%s named another host than the site's %s, and stayed as they are: add it to rewrite.hosts where it is right.", several(n, "route URL", "route URLs"), f.period())
	}
	if n := f.lately("passed", "too_large"); n > 0 {
		add(sectionSize, "%s larger than rewrite.max_body went by unchanged %s.", several(n, "page", "pages"), f.period())
	}
	if n := f.lately("spool_full"); n > 0 {
		add(sectionSize, "%s found no room to wait for a slow side %s: more upstream.spool_disk, or a larger disk.", several(n, "body", "bodies"), f.period())
	}
	if pages := f.lately("answers"); f.responses != nil && isOff(f.anonymous) && pages >= manyPages {
		add(sectionShare, "The app made %s %s. responses.anonymous_pages would share each among all who look at a public gallery at once; read first when it must not be set.", several(pages, "page", "pages"), f.period())
	}
	f.changeByReconcile(add)
	if told == nil {
		told = []Sentence{{State: "ok", Text: "Nothing, as far as this process can tell."}}
	}
	return told
}

// changeByReconcile says what rows and files ask for.
func (f *facts) changeByReconcile(add func(runbook, format string, args ...any)) {
	r := f.reconcile
	switch {
	case r == nil:
		add(sectionStorage, "Nobody has looked yet whether each row has its file: run thumbedge reconcile, which changes nothing.")
	case r.Refused != "":
		add(sectionReconcile, "The last reconcile was refused: %s.", strings.TrimSuffix(r.Refused, "."))
	case !r.Apply && r.RowsFileGone+r.FilesUnnamed > 0:
		add(sectionStorage, "The last reconcile found %s whose file is gone, and %s that no row names: thumbedge reconcile --apply repairs both.",
			several(r.RowsFileGone, "row", "rows"), several(r.FilesUnnamed, "file", "files"))
	case f.now.Sub(r.Finished) > reconcileAge:
		add(sectionStorage, "The last look whether each row has its file was %s: run thumbedge reconcile.", ago(f.now.Sub(r.Finished)))
	}
}

// isOff says whether a setting of a duration stands for none.
func isOff(value string) bool { return value == "" || value == "0s" || value == "0" }
