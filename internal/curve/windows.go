package curve

// windows says, for each shift, which neighbourhoods miniatures are shown: one in
// 1<<shift, in a row. They take turns, so that in the end it is all of them. A part is
// not enough: a few pages are asked for very often, and how many of those a part
// happens to have decides what fits beside them. With 300 pages held of 10,000 and one
// neighbourhood in eight shown, always the same, the curve was off by up to 0.15.
type windows [hoodBits + 1]window

type window struct {
	used  bool
	first uint32 // its first neighbourhood
	// queried is how many keys the cache has missed since its turn began.
	queried float64
	// filling says that what miniatures miss does not count yet: they began its turn
	// with nothing, which the cache did not.
	filling bool
}

// A turn is over when the cache has missed so many times what the largest of its
// miniatures has room for, undiminished. What the miniatures miss is no measure: the
// neighbourhoods with the most to miss would have the shortest turns. Longer turns
// leave out too many windows for hours; shorter ones make the curve too high, as a
// miniature that began with nothing has little in it yet that nobody asks for.
const (
	turnLasts = 5.0
	turnFills = 1.5 // the first of those
)

func (w *windows) show(hood uint32, shift uint) bool {
	return (hood-w[shift].first)&hoodMask>>(hoodBits-shift) == 0
}

// follow has a shift that no miniature had yet begin where another is.
func (w *windows) follow(shift, other uint) {
	if !w[shift].used {
		w[shift] = w[other]
		w[shift].used = true
	}
}

// turn begins the turn of the next window if it is due, where miniatures of a shift
// have so much room at most.
func (w *windows) turn(shift uint, room float64) bool {
	win := &w[shift]
	if shift > 0 && win.queried >= turnLasts*room {
		win.first += 1 << (hoodBits - shift)
		win.queried, win.filling = 0, true
		return true
	}
	if win.queried >= turnFills*room {
		win.filling = false
	}
	return false
}
