package thumb

// Standing is what is known of a capture as a whole.
type Standing uint8

// The standings. Unresolved is the zero value: nobody could say, so the app's
// answer stands.
const (
	Unresolved Standing = iota
	Missing             // the database has no such capture
	Private             // the app's to answer for
	Public
	// Draft: of a project that only members may see. The app's to answer for, too, but
	// for whom the app's own page allowed it. Only where there is private storage;
	// otherwise such a capture is Private.
	Draft
)

// String returns the standing as metrics and logs name it.
func (s Standing) String() string {
	return [...]string{"unresolved", "missing", "private", "public", "draft"}[s]
}

// Known is what the warm set or the database said about one capture: its
// standing, and for each configured label, by position in Specs, the verdict and
// the path of the file. It is a plain value; copying one shares only immutable
// memory, so it may be kept and read from any goroutine.
//
// Verdicts are set only where Standing is Public, or Draft: then they are of the private
// thumbnails, whose files lie in private storage.
type Known struct {
	Standing Standing
	Verdicts [MaxSpecs]Verdict
	Project  int64 // whose draft it is; set where Standing is Draft
	// Digits of a warm label's key, where its path follows the key scheme.
	Digits [MaxSpecs]uint64
	// Paths of warm labels that do not follow the scheme, "" for one that does;
	// nil when all do.
	Paths *[MaxSpecs]string
}

// AppendPath appends the path of label's file, of capture id, to dst. The label
// must be Warm.
func (k *Known) AppendPath(dst []byte, keys Keys, id ID, label string, position int) []byte {
	if k.Paths != nil && k.Paths[position] != "" {
		return append(dst, k.Paths[position]...)
	}
	return keys.Append(dst, id, label, k.Digits[position])
}

// Decide makes what the database's words about a capture amount to. The files of a
// draft's thumbnails are named by private.
func Decide(c *Capture, specs Specs, keys, private Keys) Known {
	k := Known{Standing: Public}
	switch {
	case c.Draft:
		k, keys = Known{Standing: Draft, Project: c.Project}, private
	case !c.Public:
		return Known{Standing: Private}
	}
	for i, spec := range specs {
		row := c.Row(spec.Label)
		k.Verdicts[i] = Judge(row, spec, c.LastModified)
		if k.Verdicts[i] != Warm {
			continue
		}
		if digits, ok := keys.Parse(row.Path, c.ID, spec.Label); ok {
			k.Digits[i] = digits
			continue
		}
		if k.Paths == nil {
			k.Paths = new([MaxSpecs]string)
		}
		k.Paths[i] = row.Path
	}
	return k
}
