package cli

import (
	"context"
	"errors"
	"flag"
	"io"
)

// Entry is what --help says of a command, for the manual page and for shells that
// complete what is typed.
type Entry struct {
	Name, Synopsis, Summary, Text string
	Verbs                         []string
	Flags                         []*flag.Flag
}

// errDescribed ends a command once its flags are registered.
var errDescribed = errors.New("described")

// Entries returns the entry of each command, in the order in which --help has them.
func Entries() []Entry {
	env := Env{Stdout: io.Discard, Stderr: io.Discard, LookupEnv: func(string) (string, bool) { return "", false }}
	var entries []Entry
	for _, c := range commands() {
		flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
		_ = c.run(context.Background(), env, flags, func() (string, error) { return "", errDescribed }) // ends before it does anything
		entry := Entry{Name: c.name, Synopsis: c.synopsis, Summary: c.summary, Text: c.text, Verbs: c.verbs}
		flags.VisitAll(func(f *flag.Flag) { entry.Flags = append(entry.Flags, f) })
		entries = append(entries, entry)
	}
	return entries
}
