package responses

import (
	"reflect"
	"time"
)

// rules are a configuration in force. Each visit goes by those that it began with.
type rules struct {
	Config
	anonymous anonymous
}

func newRules(cfg Config, connected func() bool) *rules {
	return &rules{Config: cfg, anonymous: newAnonymous(cfg, connected)}
}

// Change puts another configuration, which has to pass Validate, in force for the requests
// that come from then on. Whether there is a cache at all it does not change. Where pages of
// which the app says nothing are kept otherwise, none that is kept is used any more, nor one
// that was asked for before; where there is less room, everything is dropped.
func (c *Cache) Change(cfg Config) {
	before := c.rules()
	if reflect.DeepEqual(before.Config, cfg) {
		return
	}
	c.inForce.Store(newRules(cfg, before.anonymous.connected))
	c.DropPages()
	if cfg.MaxSize == before.MaxSize {
		return
	}
	c.store.resize(cfg.MaxSize)
	c.curve.Resize(cfg.MaxSize, time.Since(c.start))
	if cfg.MaxSize < before.MaxSize {
		c.Clear() // ristretto would make room only as more comes
	}
}

func (c *Cache) rules() *rules { return c.inForce.Load() }
