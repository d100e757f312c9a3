package cli

import (
	"fmt"
	"os"
	"strings"
)

// hookVariable is for tests that kill a replica in the middle of a cold thumbnail, or of
// removing one:
// "STEP" makes the process end there as SIGKILL would end it, "STEP:FILE" makes it
// write FILE and wait there to be killed.
const hookVariable = "THUMBEDGE_TEST_STOP_AT"

func hook(env Env) func(step string) {
	value, ok := env.LookupEnv(hookVariable)
	if !ok {
		return nil
	}
	at, file, waits := strings.Cut(value, ":")
	return func(step string) {
		if step != at {
			return
		}
		if !waits {
			fmt.Fprintf(env.Stderr, "ending at step %s, as %s says\n", step, hookVariable)
			_ = kill()
		}
		_ = os.WriteFile(file, []byte(step), 0o644)
		select {} // until SIGKILL
	}
}

func kill() error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Kill()
}
