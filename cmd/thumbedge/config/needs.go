package config

import (
	"fmt"
	"strings"
)

// Memory returns what thumbedge takes at most with all limits of the file used up: the
// sum in the runbook ("Size it"), in bytes.
func (f *File) Memory() int64 {
	const (
		unstored = 16 << 20  // pictures that storage did not take
		process  = 100 << 20 // the process itself, its connections
	)
	// The warm set lies in memory more than once until garbage is collected.
	responses := int64(0)
	if f.Responses.Enabled {
		responses = 2 * f.Responses.MaxSize // the same goes for what is kept of the app's answers
	}
	return 2*f.Cache.MaxSize + responses + f.Rewrite.Memory + f.Render.Memory + max(f.Source.MaxBytes, f.Render.Memory/4) + f.Upstream.SpoolMemory + unstored + process
}

// ownDescriptors are for listeners, the admin listener's connections, storage, originals,
// files and the process itself.
const ownDescriptors = 256

// Descriptors returns how many files and connections are open at once at most.
func (f *File) Descriptors() int64 {
	app := int64(f.Upstream.MaxConns)
	if strings.HasPrefix(f.Upstream.URL, "https:") {
		app *= 3 // the connection, and a socket pair before it
	}
	return int64(f.Server.MaxConns) + app + int64(f.Database.MaxConns) + ownDescriptors
}

// FitsDescriptors compares Descriptors with how many the process may have; 0: not known.
func (f *File) FitsDescriptors(limit int64) error {
	if limit == 0 || f.Descriptors() <= limit {
		return nil
	}
	return fmt.Errorf("server.max_conns (%d), upstream.max_conns (%d) and database.max_conns (%d) allow more open connections than this process may have, %d: "+
		"new ones would fail before max_conns is reached. Raise the limit (ulimit -n, LimitNOFILE=, --ulimit nofile), or lower server.max_conns to %d",
		f.Server.MaxConns, f.Upstream.MaxConns, f.Database.MaxConns, limit,
		max(1, limit-(f.Descriptors()-int64(f.Server.MaxConns))))
}
