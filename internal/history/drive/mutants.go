package drive

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/thumbedge/thumbedge/internal/overlay"
)

// Mutant is the product with one fault that breaks a promise. Checker and driver are the
// same as ever; the profile only says what to do more of, so that the fault is found soon.
type Mutant struct {
	Name     string
	Rule     string // that it violates
	File     string
	Snippets []overlay.Snippet
	Profile  Profile
	Length   time.Duration // within which it is found
}

// The profiles that mutants are looked for with: each does what brings out some of them.
var (
	renders = Profile{
		App:      map[string]int{"replace": 1},
		AppEvery: 150 * time.Millisecond, Clients: 6,
	}
	lying = Profile{
		App: map[string]int{"replace": 1}, Links: map[string]int{"lying storage": 1},
		AppEvery: 150 * time.Millisecond, BreakEvery: 500 * time.Millisecond, Clients: 6,
	}
	slow = Profile{
		App: map[string]int{"replace": 1}, Links: map[string]int{"slow originals": 1},
		AppEvery: 100 * time.Millisecond, BreakEvery: 100 * time.Millisecond, Clients: 12,
	}
	stopped = Profile{
		App: map[string]int{"replace": 1}, Processes: map[string]int{"long stop": 1}, Links: map[string]int{"slow originals": 1},
		AppEvery: 100 * time.Millisecond, BreakEvery: 100 * time.Millisecond, Clients: 12,
	}
	restored = Profile{
		App:      map[string]int{"replace": 3, "restore": 3},
		AppEvery: 50 * time.Millisecond, Clients: 6,
	}
	flipped = Profile{
		App:      map[string]int{"flip": 1},
		AppEvery: 700 * time.Millisecond, Clients: 6,
	}
	deaf = Profile{
		App: map[string]int{"flip": 1, "replace": 3}, Links: map[string]int{"listen": 1},
		AppEvery: 300 * time.Millisecond, BreakEvery: 100 * time.Millisecond, Clients: 6,
	}
	late = Profile{
		App: map[string]int{"flicker": 1}, Links: map[string]int{"slow queries": 1},
		AppEvery: 3 * time.Second, BreakEvery: 100 * time.Millisecond, Clients: 12,
	}
	members = Profile{
		App: map[string]int{"flip": 2, "replace": 3}, Links: map[string]int{"slow originals": 1},
		Visits:   map[string]int{"member's page": 3, "signed": 5, "thumbnail": 4},
		AppEvery: 300 * time.Millisecond, BreakEvery: 100 * time.Millisecond, Clients: 12,
	}
	shared = Profile{
		App: map[string]int{"flip": 1}, Visits: map[string]int{"kept list": 1},
		AppEvery: 2 * time.Second, Clients: 6,
	}
	sharedDeaf = Profile{
		App: map[string]int{"flip": 1}, Links: map[string]int{"listen": 1}, Visits: map[string]int{"kept list": 1},
		AppEvery: 2 * time.Second, BreakEvery: 100 * time.Millisecond, Clients: 6,
	}
	relabelled = Profile{
		App: map[string]int{"replace": 1}, Processes: map[string]int{"reload": 1},
		AppEvery: 500 * time.Millisecond, BreakEvery: 100 * time.Millisecond, Clients: 6,
	}
	stepping = Profile{
		App: map[string]int{"replace": 1}, Processes: map[string]int{"set back": 1}, Links: map[string]int{"lying storage": 1},
		AppEvery: 100 * time.Millisecond, BreakEvery: 500 * time.Millisecond, Clients: 6,
	}
)

// Mutants are what the checker has to find.
var Mutants = []Mutant{
	{"row before its file", "row without its file", "imaging/store.go", []overlay.Snippet{
		{"stored := r.putAll(", "_ = r.upsert(ctx, j, work, all)\n\tstored := r.putAll("},
	}, renders, time.Minute},
	{"storage not asked to confirm", "row without its file", "imaging/s3/objects.go", []overlay.Snippet{
		{"err = s.confirm(ctx, key, jpeg, aws.ToString(out.ETag))", "_ = out"},
	}, lying, time.Minute},
	{"key used again", "key used twice", "imaging/store.go", []overlay.Snippet{
		{"_, _ = rand.Read(digits[:])", "_, _ = rand.Read(digits[:])\n\tclear(digits[:])"},
	}, renders, time.Minute},
	{"version read at the end", "older picture", "imaging/store.go", []overlay.Snippet{
		{"	var rows []thumb.Row\n", "	if again, err := r.database.Original(ctx, j.id); err == nil {\n\t\twork = &again\n\t}\n	var rows []thumb.Row\n"},
	}, slow, time.Minute},
	{"deletion without the last look", "file deleted too early", "resolver/postgres/files.go", []overlay.Snippet{
		{".Scan(&held, &named)", ".Scan(&held, new(bool))"},
	}, restored, 5 * time.Minute},
	{"lease taken from whoever has it", "lease taken early", "resolver/postgres/lease.go", []overlay.Snippet{
		{"OR l.until <= clock_timestamp()", "OR true"},
	}, slow, time.Minute},
	{"lease given up without its token", "lease of another given up", "resolver/postgres/lease.go", []overlay.Snippet{
		{"AND holder = $2`, int64(id), holder)", "AND $2 <> ''`, int64(id), holder)"},
	}, stopped, 3 * time.Minute},
	{"upsert that ignores versions", "older over newer", "resolver/postgres/upsert.go", []overlay.Snippet{
		{"AND t.last_modified > g.last_modified", "AND false"},
		{"AND t.last_modified > f.last_modified", "AND false"},
	}, stopped, 3 * time.Minute},
	{"entry kept after a notification", "old answer", "resolver/flight.go", []overlay.Snippet{
		{"store.NewEntry(&f.known[i], f.seq,", "store.NewEntry(&f.known[i], w.flights.seq,"},
	}, late, 2 * time.Minute},
	{"entry believed while cut off", "old answer", "resolver/resolve.go", []overlay.Snippet{
		{"if connected && e.Standing() !=", "if e.Standing() !="},
	}, deaf, 2 * time.Minute},
	{"projects' notifications dropped", "old answer", "resolver/postgres/listen.go", []overlay.Snippet{
		{"l.sink.ChangedAll()", "// dropped"},
	}, flipped, time.Minute},
	{"storage left alone by the wall clock", "not healed", "imaging/store.go", []overlay.Snippet{
		{"int64(time.Since(b.began)), b.retryAt.Load()", "time.Now().UnixNano(), b.retryAt.Load()"},
		{"int64(time.Since(b.began) + breakerPause)", "time.Now().Add(breakerPause).UnixNano()"},
	}, stepping, 30 * time.Second},
	{"signature not looked at", "private without a signature", "proxy/signing/signing.go", []overlay.Snippet{
		{"return equal == 1", "return equal >= 0"},
	}, members, time.Minute},
	{"row of a draft written as public", "public row of a draft", "resolver/postgres/upsert.go", []overlay.Snippet{
		{"c.id = $1::bigint AND NOT p.draft)", "c.id = $1::bigint)"},
	}, members, 4 * time.Minute},
	{"public captures signed", "public is signed", "proxy/page_fill.go", []overlay.Snippet{
		{"if known.Standing != thumb.Draft {", "if known.Standing == thumb.Missing {"},
	}, members, time.Minute},
	{"pages kept after a notification", "page of a draft", "cmd/thumbedge/program/adapters.go", []overlay.Snippet{
		{"s.WarmSet.ChangedAll()\n\ts.pages.DropPages()", "s.WarmSet.ChangedAll()"},
	}, shared, time.Minute},
	{"pages kept while cut off", "page of a draft", "proxy/responses/anonymous.go", []overlay.Snippet{
		{"&& a.connected()", ""},
	}, sharedDeaf, 3 * time.Minute},
	{"verdicts by the labels before", "old answer", "resolver/reader.go", []overlay.Snippet{
		{"if !now.labels.alike(cfg.Specs) {", "if len(now.labels.specs) == 0 {"},
	}, relabelled, time.Minute},
}

// files are the sources of the mutant, for a checkout at root.
func (m Mutant) files(root string) (overlay.Files, error) {
	source, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return nil, err
	}
	if source, err = overlay.Substitute(source, m.Snippets); err != nil {
		return nil, fmt.Errorf("mutant %q: %s: %w", m.Name, m.File, err)
	}
	return overlay.Files{m.File: source}, nil
}
