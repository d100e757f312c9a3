package reconcile

import (
	"fmt"
	"io"
	"time"
)

// Summary is what a run found and did. As JSON it is what --json prints, and what
// is remembered as LastRun.
type Summary struct {
	Started  time.Time  `json:"started"`
	Finished time.Time  `json:"finished"` // zero: not finished
	Apply    bool       `json:"apply"`
	Resumed  bool       `json:"resumed"` // went on where another was cut off
	Since    *time.Time `json:"since,omitempty"`
	// Refused says why nothing was removed, or would be with Apply; "": it may be.
	Refused string `json:"refused,omitempty"`

	Rows           int64      `json:"rows"`          // looked at
	RowsLeftOut    int64      `json:"rows_left_out"` // updated before Since
	RowsFileGone   int64      `json:"rows_file_gone"`
	RowsRemoved    int64      `json:"rows_removed"`
	RowsOtherLabel int64      `json:"rows_other_label"` // not configured here; files are looked for all the same
	Regenerate     Regenerate `json:"rows_regenerate"`
	FilesFound     int64      `json:"rows_with_file"`

	Files         int64 `json:"files"` // listed in captures' folders
	FilesNamed    int64 `json:"files_named"`
	FilesRecorded int64 `json:"files_recorded"` // for deletion already; serve deletes them
	FilesYoung    int64 `json:"files_young"`    // within the grace, not touched
	FilesUnnamed  int64 `json:"files_unnamed"`  // by any row, past the grace
	BytesUnnamed  int64 `json:"bytes_unnamed"`
	FilesDeleted  int64 `json:"files_deleted"`
	BytesDeleted  int64 `json:"bytes_deleted"`

	// Private is what was found and done in private storage; nil: there is none.
	Private *Summary `json:"private,omitempty"`
}

// Regenerate counts rows that are not valid: their thumbnails are made anew when
// they are asked for next. Nothing has to be done about them.
type Regenerate struct {
	BlankPath         int64 `json:"blank_path"`
	OtherWidth        int64 `json:"other_width"`
	OlderThanOriginal int64 `json:"older_than_original"`
}

// Total is all of them.
func (r Regenerate) Total() int64 { return r.BlankPath + r.OtherWidth + r.OlderThanOriginal }

// WriteText writes the summary for people.
func (s Summary) WriteText(w io.Writer) {
	if s.Resumed {
		fmt.Fprintf(w, "went on with the run of %s; --restart begins anew\n", s.Started.Format(time.RFC3339))
	}
	left := ""
	if s.RowsLeftOut > 0 {
		left = fmt.Sprintf(" (%d updated before, left out)", s.RowsLeftOut)
	}
	fmt.Fprintf(w, "rows looked at        %d%s\n", s.Rows, left)
	fmt.Fprintf(w, "  file is gone        %d, removed %d\n", s.RowsFileGone, s.RowsRemoved)
	fmt.Fprintf(w, "  will regenerate     %d (blank path %d, other width %d, older than original %d)\n",
		s.Regenerate.Total(), s.Regenerate.BlankPath, s.Regenerate.OtherWidth, s.Regenerate.OlderThanOriginal)
	fmt.Fprintf(w, "  other label         %d, not configured here\n", s.RowsOtherLabel)
	fmt.Fprintf(w, "files looked at       %d\n", s.Files)
	fmt.Fprintf(w, "  no row names        %d (%d bytes), deleted %d (%d bytes)\n", s.FilesUnnamed, s.BytesUnnamed, s.FilesDeleted, s.BytesDeleted)
	fmt.Fprintf(w, "  within the grace    %d, not touched\n", s.FilesYoung)
	fmt.Fprintf(w, "  recorded already    %d, deleted by serve in their time\n", s.FilesRecorded)
	switch {
	case s.RowsRemoved > 0:
		fmt.Fprintf(w, "\n%d rows were removed outside Django. Where the app has django-cachalot on, its cached\n"+
			"queries still show them: run `manage.py invalidate_cachalot`, or add\n"+
			"main_sourceimagethumbnail to CACHALOT_UNCACHABLE_TABLES for good.\n", s.RowsRemoved)
	case !s.Apply && s.Refused != "":
		fmt.Fprintf(w, "\nA dry run: nothing was changed, and --apply would be refused: %s\n", s.Refused)
	case !s.Apply && s.RowsFileGone+s.FilesUnnamed > 0:
		fmt.Fprint(w, "\nA dry run: nothing was changed. --apply repairs it.\n"+
			"Removed rows stay visible to the app's django-cachalot, where it is on, until\n"+
			"`manage.py invalidate_cachalot`; CACHALOT_UNCACHABLE_TABLES += main_sourceimagethumbnail avoids it.\n")
	}
}
