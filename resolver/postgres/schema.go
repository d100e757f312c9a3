package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// schema remembers whether a part of schema thumbedge can be used.
type schema struct {
	// look looks, and tells saw.
	look func(ctx context.Context, conn *pgxpool.Conn) (usable bool, err error)

	mu     sync.Mutex
	usable bool      // as last seen
	seen   time.Time // when; zero: never
}

// saw takes note of what was seen.
func (c *schema) saw(usable bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.usable, c.seen = usable, time.Now()
}

// lately says what was seen within lookAgain; ok is false where nothing was.
func (c *schema) lately() (usable, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usable, !c.seen.IsZero() && time.Since(c.seen) < lookAgain
}

// forget has the next use look again.
func (c *schema) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen.IsZero() {
		c.seen = time.Unix(0, 0)
	}
}

// isUsable says whether the part can be used, and looks where that is not known.
func (c *schema) isUsable(ctx context.Context, conn *pgxpool.Conn) (bool, error) {
	if usable, known := c.lately(); known {
		return usable, nil
	}
	return c.look(ctx, conn)
}

// either does with where what the table needs of schema thumbedge can be used, and without
// where it can't, also where that turns out only now.
func (t *Table) either(ctx context.Context, conn *pgxpool.Conn, with, without func() error) error {
	if usable, err := t.schema.isUsable(ctx, conn); err != nil {
		return err
	} else if usable {
		err := with()
		if !hasCode(err, noSuchSchema, noSuchTable, noPrivilege, readOnly) {
			return err
		}
		t.schema.forget()
		if usable, again := t.schema.isUsable(ctx, conn); again != nil || usable {
			return err // the schema is not what was missing
		}
	}
	return without()
}
