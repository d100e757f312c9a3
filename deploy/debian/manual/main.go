// Command manual writes thumbedge's manual pages, and what bash completes, into a
// folder: thumbedge.1 out of what --help says, thumbedge.toml.5 out of
// deploy/CONFIGURATION.md, thumbedge.bash out of commands and flags. It is run at the top
// of the repository, by `make release`.
//
//	go run ./deploy/debian/manual FOLDER VERSION
//
// SOURCE_DATE_EPOCH dates the pages: the same commit makes the same bytes.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("say a folder and a version")
	}
	folder, version := args[0], args[1]
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("reading SOURCE_DATE_EPOCH: %w", err)
	}
	keys, err := os.ReadFile("deploy/CONFIGURATION.md")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	head := heading{version: version, date: time.Unix(seconds, 0).UTC().Format(time.DateOnly)}
	for name, text := range map[string]string{
		"thumbedge.1":      commandsPage(head, cli.Entries()),
		"thumbedge.toml.5": keysPage(head, string(keys)),
		"thumbedge.bash":   completion(cli.Entries()),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
