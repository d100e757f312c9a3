// Package history judges whether what a site did can be explained by what it promises.
//
// A history is what was seen from outside while a site ran under random requests and
// faults: every answer, every committed change of the database in the order of commits,
// every file that the storage got or lost, every original that was fetched, and every
// fault. Nothing in it is the product's own word. Check looks at the whole and returns
// what the promises do not allow. It knows neither how the history came about nor how
// the product works, and is the same whatever is looked for.
//
// The rules, each in a file of its own:
//
//   - files.go: no row without its file, at any commit; a key is used once; a file goes
//     only when no row has named it for delete_after.
//   - rows.go: a row is never overwritten by an older version; its picture is at least as
//     new as the version that it claims.
//   - leases.go: a lease is taken, and given up, only by whom it is free for or belongs
//     to; an original is fetched once a lease, and only where a row was lacking.
//   - answers.go: a page or a redirect shows what was true a second before it was asked
//     for or later, what a cut-off replica may still believe, or the route URL.
//   - access.go: the same bound holds for what is a draft's: its captures are on nobody
//     else's page, its thumbnails are given for a signature only, lie in private storage
//     only, and what is public lies there never. A kept page is no older than it may be.
//   - final.go: when the faults are over, everything heals.
//
// Package drive makes histories.
package history

import (
	"strings"
	"time"
)

// PrivateFile begins the keys, in a history, of files in private storage: the same key in
// the public one is another file.
const PrivateFile = "private:"

// Moment is a time, by the machine's clock, since the history began.
type Moment = time.Duration

// Forever is the end of what has not ended.
const Forever Moment = 1<<63 - 1

// History is all that was seen. The changes are in the order of their commits.
type History struct {
	Settings Settings
	// Replicas are the processes that ever ran, by the name under which each is known to
	// the database; a process that is started anew has a name of its own.
	Replicas map[string]Replica

	Rows     []RowChange
	Captures []CaptureChange
	Projects []ProjectChange
	Leases   []LeaseChange

	Originals []Original
	Puts      []Put
	Deletes   []Delete
	Fetches   []Fetch
	Answers   []Answer
	Reads     []Read
	Faults    []Fault
	Final     *Final // nil: it has not ended, or was cut short
}

// Settings are the bounds that the promises name.
type Settings struct {
	DeleteAfter Moment // storage.delete_after
	// Connected is how long after a commit a page of a connected replica may show the
	// answer of before, and Unlistened how long one of a replica that is not.
	Connected, Unlistened Moment
	// Reconnect is how long after a fault a replica may be without notifications.
	Reconnect Moment
	// Kept is how old a page of which the app said nothing may be (anonymous_pages).
	Kept Moment
}

// Replica is one process.
type Replica struct {
	Widths map[string]int // of its labels, all that it ever had
}

// Row is a thumbnail row. Version is last_modified in microseconds, 0 for null.
type Row struct {
	Path    string
	Width   int
	Version int64
}

// RowChange is a committed change of one thumbnail row: inserted where Old is nil,
// deleted where New is. By is who made it, as the database knows it. Private rows are in a
// table of their own.
type RowChange struct {
	At       Moment
	By       string
	Capture  int64
	Label    string
	Private  bool
	Old, New *Row
}

// Capture is what matters of a capture's row; Project is 0 for none.
type Capture struct {
	Version int64
	Project int64
}

// CaptureChange is a committed change of a capture.
type CaptureChange struct {
	At       Moment
	Capture  int64
	Old, New *Capture
}

// ProjectChange says from when on a project is public, or not.
type ProjectChange struct {
	At      Moment
	Project int64
	Public  bool
}

// Lease is a row of the lease table.
type Lease struct {
	Holder string
	Until  Moment
}

// LeaseChange is a committed change of the lease on one capture.
type LeaseChange struct {
	At       Moment
	By       string
	Capture  int64
	Old, New *Lease
}

// Original says which content belongs to a version of a capture: that content lay at
// the source before the version was committed. Contents count upwards.
type Original struct {
	Capture int64
	Version int64
	Content int
}

// Picture is what a thumbnail shows.
type Picture struct {
	Capture int64
	Content int
}

// Put is an upload, as the storage saw it. Kept says that the storage holds the file
// since End at the latest. Sum tells different bytes apart.
type Put struct {
	Start, End Moment
	Key        string
	Kept       bool
	Sum        string
	Picture    Picture
}

// Delete is a removal of a file, as the storage saw it.
type Delete struct {
	Start, End Moment
	Key        string
}

// Fetch is a request for an original, as its source saw it.
type Fetch struct {
	Start   Moment
	Capture int64
	Content int
}

// Shown is what an answer says of one label of a capture: the key of a file, "" for the
// route URL or nothing. Instead says that another label, a wider one, takes the place of
// the one that was asked for, in an answer that nobody stores. Signed says that it is a
// signed route URL, in the place of a null.
type Shown struct {
	Capture int64
	Label   string
	Key     string
	Instead string
	Signed  bool
}

// Answer is a request with its answer. Page says that it is a page: what it shows was
// all read by one query. Wrong is what is wrong with the answer in itself, such as a page
// that is not the app's, and Failed why none came. Unknown is the capture that the answer
// says does not exist, or 0; Given the one whose thumbnail it is itself.
//
// Signed says that the request had a valid signature. Written is when the app was asked for
// the page, and Listed are the captures that it is a list of: those that whoever asks may see.
type Answer struct {
	Start, End Moment
	Replica    string
	What       string // the request, for people
	Page       bool
	Shown      []Shown
	Wrong      string
	Failed     string
	Unknown    int64
	Given      int64
	Signed     bool
	Written    Moment
	Listed     []int64
}

// Read is a browser's request for a file that an answer named.
type Read struct {
	Start, End Moment
	Key        string
	Missing    bool
	Picture    Picture // where it is not missing
}

// Fault is something that was broken for a while. An empty Replica is everybody's; else it
// is the name of a replica up to its last dot, whatever process that was.
type Fault struct {
	Start, End Moment
	Replica    string
	What       string
	Kind       FaultKind
}

// FaultKind is what a fault excuses.
type FaultKind int

// The kinds of faults.
const (
	FaultListen  FaultKind = iota // notifications do not come, or late
	FaultQueries                  // queries do not
	FaultStorage
	FaultSource
	FaultHalt   // the process does not run
	FaultStall  // the machine kept everybody waiting
	FaultReload // the process's configuration is another for a while, which excuses nothing
)

// hits says whether a fault was the process's.
func (f *Fault) hits(replica string) bool {
	place, _, _ := strings.Cut(replica, ".")
	return f.Replica == "" || f.Replica == place
}

// Final is the state when all faults are over and everybody was asked for everything.
type Final struct {
	Warm     []Shown  // what a page of each replica shows in the end
	Files    []string // keys in the storage
	Recorded []string // keys that are recorded for deletion
	Problems []string // what did not come about in its time
}
