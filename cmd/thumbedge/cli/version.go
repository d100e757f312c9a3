package cli

import (
	"context"
	"flag"
	"fmt"
	"runtime"

	"github.com/thumbedge/thumbedge/imaging/render"
)

func versionCommand() command {
	return command{
		name:    "version",
		summary: "say which build this is",
		text:    "Prints the version, the rendering engine and the Go release of this build.",
		run: func(_ context.Context, env Env, _ *flag.FlagSet, parse func() (string, error)) error {
			if _, err := parse(); err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "thumbedge %s (engine %s, %s, %s/%s)\n",
				env.Version, render.Engine(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
