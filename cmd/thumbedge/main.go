// Command thumbedge is an edge caching reverse proxy in front of a capture API: it
// puts storage URLs of finished thumbnails into the app's pages and renders the
// thumbnails that are not there yet.
package main

import (
	"context"
	"os"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/cli"
)

// version is set by the linker (Makefile).
var version = "unknown"

func main() {
	env := cli.Env{Version: version, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv}
	os.Exit(cli.Main(context.Background(), env, os.Args[1:]))
}
