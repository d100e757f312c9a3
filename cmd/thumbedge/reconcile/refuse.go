package reconcile

import (
	"fmt"
	"strings"
)

// A run that would remove more than so many rows, or files, and more than such a share
// of them, is refused: a database that is not the app's names none of the files, and a
// storage that is not the app's has none of the rows' files.
const (
	fewEnough      = 20
	shareInPercent = 10
)

// RefusedError is returned where too much would go. Nothing was removed.
type RefusedError struct{ why string }

func (e *RefusedError) Error() string { return "refused, and nothing was removed: " + e.why }

// tooMany says whether so many of all are too large a share. One that cannot be
// judged, as a file within the grace, is not among all: it would hide the others.
func tooMany(going, all int64) bool { return going > fewEnough && going*100 > all*shareInPercent }

// refusal says why what was found must not be removed; "": it may be.
func (r *run) refusal() string {
	sum := &r.Summary
	rows, files := sum.RowsFileGone, sum.FilesUnnamed
	allRows, allFiles := rows+sum.FilesFound, sum.Files-sum.FilesYoung
	if r.cfg.Force > 0 {
		if rows+files > r.cfg.Force {
			return fmt.Sprintf("%d rows and %d files would go, %d together, which is more than --force %d names", rows, files, rows+files, r.cfg.Force)
		}
		return ""
	}
	var why []string
	if tooMany(rows, allRows) {
		why = append(why, fmt.Sprintf("the files of %d of the %d rows that name one are not in the storage. "+
			"Is the storage the app's, and its volume mounted (storage.bucket, endpoint, location, root, prefix)?", rows, allRows))
	}
	if tooMany(files, allFiles) {
		why = append(why, fmt.Sprintf("no row names %d of the %d files that are past the grace or named. "+
			"Is the database the app's (database.url, database.tables, storage.prefix)?", files, allFiles))
	}
	if why == nil {
		return ""
	}
	return strings.Join(why, " And ") + fmt.Sprintf(" More than %d %% of them and more than %d would go. "+
		"If that is meant: --apply --force %d removes these %d rows and %d files.", shareInPercent, fewEnough, rows+files, rows, files)
}
