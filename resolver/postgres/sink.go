package postgres

import "github.com/thumbedge/thumbedge/resolver/thumb"

// Sink is told what the notifications say; resolver.WarmSet implements it. Its
// methods are called from one goroutine, in the order in which things happened.
type Sink interface {
	// Listening: LISTEN has committed, and the triggers are there. From now on every
	// committed change is told; a new generation begins.
	Listening()
	// Heard: a notification that the proxy itself sent came back just now.
	Heard()
	// Lost: changes are not told any more. The connection has ended, or the triggers
	// are gone.
	Lost()
	// Changed: what is known of these captures is out of date. The slice is the
	// caller's.
	Changed(ids []thumb.ID)
	// ChangedAll: what is known of any capture may be out of date.
	ChangedAll()
}
