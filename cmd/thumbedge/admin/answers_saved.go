package admin

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

// answeredHere are the outcomes of thumbnail requests that the app need not answer.
var answeredHere = []string{"warm", "cold", "stale", "unkept", "private_warm", "private_cold", "private_unkept"}

// saved answers what thumbedge saves the app: lately, and since the start.
func (f *facts) saved() (told []Sentence) {
	add := func(format string, args ...any) {
		told = append(told, Sentence{State: "ok", Text: fmt.Sprintf(format, args...)})
	}
	if f.ever("labels", "warm")+f.ever("thumbnails", answeredHere...) > 0 {
		warm, here := f.lately("labels", "warm"), f.lately("thumbnails", answeredHere...)
		add("The app was spared up to %s: %s pages named the file in place of the app's route, and %s were answered here.",
			f.figures(warm+here, f.ever("labels", "warm")+f.ever("thumbnails", answeredHere...), "thumbnail request", "thumbnail requests"),
			timesThat(warm), humanize.Comma(here))
	}
	if made := f.ever("renders", "made", "not_kept"); made > 0 {
		add("It was spared %s. Here %s of originals were fetched for them, each once for all its labels.",
			f.figures(f.lately("renders", "made", "not_kept"), made, "decode of an original", "decodes of originals"), bytes64(f.ever("original_bytes")))
	}
	if signed := f.ever("signed"); signed > 0 {
		add("Members' pages of drafts named a thumbnail, where the app alone would have had them load the original, %s.",
			f.figures(f.lately("signed"), signed, "time", "times"))
	}
	memory := []string{"hit", "stale", "collapsed", "validated"}
	if kept := f.ever("responses", memory...); kept > 0 {
		add("The response cache answered %s, of %s that it may answer. The app did not have to send %s.",
			f.figures(f.lately("responses", memory...), kept, "request", "requests"), humanize.Comma(f.lately("responses")), bytes64(f.ever("saved_bytes")))
	}
	if told == nil {
		add("Nothing yet: no page with thumbnails has come by since the start %s.", ago(f.now.Sub(f.started)))
	}
	return told
}

func timesThat(n int64) string {
	if n == 1 {
		return "once"
	}
	return humanize.Comma(n) + " times"
}

// bytes64 writes a number of bytes for people.
func bytes64(n int64) string { return humanize.IBytes(uint64(max(0, n))) }
