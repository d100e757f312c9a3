// Package check tries a configuration and each real part that it names (Run), and looks
// at a site through its public address as browsers see it (Via). Neither changes
// anything that stays, and both are safe beside a running proxy.
package check

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// Finding is what was found of one part: a fact, or what is wrong.
type Finding struct {
	Part string
	Fact string
	Err  error // nil: the part works
	// Degraded: thumbedge works without, as Fact says.
	Degraded bool
	// Unknown: not looked at, since what it lies in does not work.
	Unknown bool
}

// partLimit bounds the look at one part.
const partLimit = 10 * time.Second

// part is looked at by itself.
type part struct {
	name   string
	within []string // parts without which it can't be looked at
	look   func(context.Context, *config.File) (string, error)
}

// partsOf are those of a configuration, in the order in which they are looked at.
func partsOf(file *config.File) []part {
	parts := []part{
		{"app", nil, lookAtApp},
		{"database", nil, lookAtDatabase},
		{"tables", []string{"database"}, lookAtTables},
		{"triggers", []string{"database"}, lookAtTriggers},
		{"storage", nil, lookAtStorage},
		{"files", []string{"storage", "database"}, lookAtFiles},
		{"image URLs", []string{"storage", "database", "app"}, lookAtImageURLs},
		{"listener", nil, lookAtListeners},
		{"descriptors", nil, lookAtDescriptors},
		{"memory", nil, lookAtMemory},
	}
	if file.PrivateStorage() {
		parts = append(parts, part{"private storage", []string{"storage"}, lookAtPrivate})
	}
	if file.Tracing.Enabled() {
		parts = append(parts, part{"tracing", nil, lookAtCollector})
	}
	return parts
}

// Run tries each real part in turn with a configuration and tells each as it
// goes: the app, the database with its tables and triggers, the storage by a put, a
// get and a delete, the newest rows' files in it and their URLs, the listeners, what the
// machine has, and the collector of traces. It changes nothing that stays.
func Run(ctx context.Context, file *config.File, tell func(Finding)) {
	failed := map[string]bool{}
	for _, part := range partsOf(file) {
		if i := slices.IndexFunc(part.within, func(name string) bool { return failed[name] }); i >= 0 {
			tell(Finding{Part: part.name, Unknown: true, Fact: "not looked at: the " + part.within[i] + " does not answer"})
			continue
		}
		limited, cancel := context.WithTimeout(ctx, partLimit)
		fact, err := part.look(limited, file)
		cancel()
		finding := Finding{Part: part.name, Fact: fact, Err: err}
		var d degradedError
		if errors.As(err, &d) {
			finding.Err, finding.Degraded, finding.Fact = nil, true, d.Error()
		}
		failed[part.name] = finding.Err != nil
		tell(finding)
	}
}

// degradedError is what thumbedge works without.
type degradedError struct{ error }
