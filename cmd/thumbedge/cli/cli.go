// Package cli is thumbedge's command line: one file a command, and this one, which
// picks the command. A command returns its exit status: 0 done, 1 failed, 2 called
// wrongly.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// Env is what a command has of the process around it.
type Env struct {
	Version        string
	Stdout, Stderr io.Writer
	LookupEnv      func(string) (string, bool)
}

// The exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// configVariable names the environment variable that stands for --config.
const configVariable = "THUMBEDGE_CONFIG"

// command is one of thumbedge's commands.
type command struct {
	name, synopsis string
	summary        string   // one line
	text           string   // what --help says beside the flags
	verbs          []string // one of which stands beside the flags; nil for none
	argument       string   // what stands there instead of a verb; "": nothing
	// run registers its flags on flags, then calls parse, which returns the verb.
	run func(ctx context.Context, env Env, flags *flag.FlagSet, parse func() (string, error)) error
}

func commands() []command {
	return []command{serve(), checkCommand(), migrate(), reconcileCommand(), explainCommand(), demoCommand(), versionCommand()}
}

// errUsage ends a command that was called wrongly; the message was printed.
var errUsage = errors.New("usage")

// errReported ends a command that has failed and said so.
var errReported = errors.New("reported")

// Main runs the command that args name and returns its exit status. SIGINT and
// SIGTERM end the context of the command.
func Main(ctx context.Context, env Env, args []string) int {
	if len(args) == 0 {
		usage(env.Stderr)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(env.Stdout)
		return exitDone
	case "--version", "-version":
		args[0] = "version"
	}
	for _, c := range commands() {
		if c.name == args[0] {
			ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends the process at once
			return c.start(ctx, env, args[1:])
		}
	}
	fmt.Fprintf(env.Stderr, "thumbedge: there is no command %q\n\n", args[0])
	usage(env.Stderr)
	return exitUsage
}

func (c command) start(ctx context.Context, env Env, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // parse prints, to the right stream
	parse := func() (string, error) {
		verb, err := c.parse(flags, args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			c.help(env.Stdout, flags)
		case err != nil:
			fmt.Fprintf(env.Stderr, "thumbedge %s: %v\n\n", c.name, err)
			c.help(env.Stderr, flags)
			err = errUsage
		}
		return verb, err
	}
	switch err := c.run(ctx, env, flags, parse); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, errReported):
		return exitFailed
	default:
		fmt.Fprintf(env.Stderr, "thumbedge %s: %s\n", c.name, once(err.Error()))
		return exitFailed
	}
}

// once drops a line that only says again what the one before it says, as where a database
// was tried with TLS and without.
func once(text string) string { return strings.Join(slices.Compact(strings.Split(text, "\n")), "\n") }

// parse reads flags and the verb, in any order.
func (c command) parse(flags *flag.FlagSet, args []string) (verb string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return "", err
		}
		if flags.NArg() == 0 {
			break
		}
		word := flags.Arg(0)
		if verb != "" || c.argument == "" && !slices.Contains(c.verbs, word) {
			return "", fmt.Errorf("%q is not expected here", word)
		}
		verb, args = word, flags.Args()[1:]
	}
	if verb == "" && c.verbs != nil {
		return "", fmt.Errorf("say one of %s", strings.Join(c.verbs, ", "))
	}
	if verb == "" && c.argument != "" {
		return "", fmt.Errorf("say %s", c.argument)
	}
	return verb, nil
}

func (c command) help(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", strings.TrimSpace("thumbedge "+c.name+" "+c.synopsis), strings.TrimSpace(c.text))
	any := false
	flags.VisitAll(func(f *flag.Flag) {
		if !any {
			fmt.Fprint(w, "\nFlags:\n")
			any = true
		}
		value, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  --%-22s %s\n", strings.TrimSpace(f.Name+" "+value), text)
	})
}

func usage(w io.Writer) {
	fmt.Fprint(w, `thumbedge: an edge caching reverse proxy that keeps thumbnails away from your app

Usage: thumbedge <command> [flags]

Commands:
`)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\nthumbedge <command> --help says more of each. To look at it first: thumbedge demo\n")
}

// configFlag registers --config.
func configFlag(env Env, flags *flag.FlagSet) *string {
	fallback, _ := env.LookupEnv(configVariable)
	return flags.String("config", fallback, "the configuration `FILE`, also "+configVariable)
}

// load reads the configuration; what is wrong with it is printed, a line each.
func load(env Env, path string) (*config.File, error) {
	if path == "" {
		fmt.Fprintf(env.Stderr, "no configuration: give --config FILE or set %s; config.example.toml is one to start from\n", configVariable)
		return nil, errUsage
	}
	file, err := config.Load(path)
	if err != nil {
		fmt.Fprintln(env.Stderr, err)
		return nil, errReported
	}
	return file, nil
}
