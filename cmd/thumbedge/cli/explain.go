package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/explain"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func explainCommand() command {
	return command{
		name:     "explain",
		synopsis: "<id> --config FILE",
		summary:  "say what is known of a capture, and what its thumbnails would be answered now",
		argument: "a capture's id",
		text: `
Asks the thumbedge that serves at server.admin_listen, which knows what failed lately.
Where none does, the database is asked alone. Nothing is rendered, fetched or changed.`,
		run: func(ctx context.Context, env Env, flags *flag.FlagSet, parse func() (string, error)) error {
			path := configFlag(env, flags)
			word, err := parse()
			if err != nil {
				return err
			}
			id, ok := thumb.ParseID(word)
			if !ok {
				fmt.Fprintf(env.Stderr, "%q is no capture's id, a positive 64-bit integer\n", word)
				return errUsage
			}
			file, err := load(env, *path)
			if err != nil {
				return err
			}
			told, err := askServing(ctx, file, id)
			if err != nil {
				if told, err = askDatabase(ctx, file, id); err != nil {
					return err
				}
			}
			printExplanation(env.Stdout, told)
			return nil
		},
	}
}

// askServing asks the process that serves.
func askServing(ctx context.Context, file *config.File, id thumb.ID) (*explain.Capture, error) {
	var told explain.Capture
	return &told, askAdmin(ctx, file, fmt.Sprintf("/explain/%d", id), &told)
}

// askDatabase asks the database alone.
func askDatabase(ctx context.Context, file *config.File, id thumb.ID) (told *explain.Capture, err error) {
	parts, err := openParts(ctx, file)
	if err != nil {
		return nil, err
	}
	defer parts.close(&err)
	return explain.Explain(ctx, explain.Deps{Database: parts.store, URLs: parts.storage.StorageURLs, Specs: file.Thumbnails,
		Private: program.ExplainedPrivate(file, parts.private)}, id)
}

func printExplanation(w io.Writer, e *explain.Capture) {
	fmt.Fprintf(w, "capture   %d, %s\n", e.ID, e.Standing)
	if e.Standing == "missing" {
		fmt.Fprintln(w, "answer    404: the database has no such capture")
		return
	}
	modified := "not known"
	if e.Modified != nil {
		modified = e.Modified.Format(time.RFC3339)
	}
	fmt.Fprintf(w, "original  %s, changed %s\nfailures  %s\n", e.Original, modified, e.Failures)
	for _, l := range e.Labels {
		fmt.Fprintf(w, "\n%s (%d)\n  %-8s %s\n", l.Label, l.Width, l.Verdict, l.Why)
		if l.Row != nil {
			fmt.Fprintf(w, "  row      %s, width %d\n", l.Row.Path, l.Row.Width)
			if l.Row.File != "" {
				fmt.Fprintf(w, "  file     %s\n", l.Row.File)
			}
		}
		if l.Failure != "" {
			fmt.Fprintf(w, "  failed   %s\n", l.Failure)
		}
		if f := l.Last; f != nil {
			fmt.Fprintf(w, "  last     failed at %s, %s: %s\n", f.At.Format(time.RFC3339), strings.ReplaceAll(f.Cause, "_", " "), f.Why)
		}
		fmt.Fprintf(w, "  answer   %s\n", l.Answer)
	}
}
