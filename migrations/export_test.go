package migrations

import "time"

// Hurried makes a Migrator that gives up on a lock soon, and tries again soon.
func (m *Migrator) Hurried(lockTimeout, pause time.Duration, attempts int) {
	m.lockTimeout, m.pause, m.attempts = lockTimeout, pause, attempts
}
