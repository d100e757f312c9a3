package imaging_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// replicaVariable, set in the environment of this binary, makes it a replica.
const replicaVariable = "THUMBEDGE_TEST_REPLICA"

func TestMain(m *testing.M) {
	if os.Getenv(replicaVariable) != "" {
		replica()
		return
	}
	code := testenv.Main(m)
	if left := leftGoroutines(); left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftGoroutines returns the stacks of ours that outlive the tests.
func leftGoroutines() string {
	deadline := time.Now().Add(20 * time.Second)
	for {
		buf := make([]byte, 1<<20)
		stacks := string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "thumbedge/imaging.(*") {
			return ""
		}
		if time.Now().After(deadline) {
			return stacks
		}
		runtime.Gosched()
	}
}
