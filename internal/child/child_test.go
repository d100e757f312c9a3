package child_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/thumbedge/thumbedge/internal/child"
)

// parentVariable makes this test's program the parent of a sleeping child.
const parentVariable = "THUMBEDGE_TEST_CHILD_PARENT"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "part" {
		child.Announce(strings.Join(os.Args[2:], " "))
		fmt.Println("ending")
		return
	}
	if os.Getenv(parentVariable) == "" {
		os.Exit(m.Run())
	}
	sleeping := exec.Command("sleep", "600")
	sleeping.Stdout = os.Stdout // held open until it ends
	if err := child.Start(sleeping, syscall.SIGKILL, make(chan struct{})); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(sleeping.Process.Pid)
	select {}
}

// A child ends although its parent was killed and could do nothing about it.
func TestChildEndsWithItsParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"=yes")
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(output)
	line, err := reader.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatalf("the parent says %q", line)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The pipe ends when the last process that holds it is gone: the child, here.
	if rest, err := reader.ReadString('\n'); err == nil {
		t.Errorf("the child goes on: %q", rest)
	}
	_ = parent.Wait()
}

// A part is another process of this program: it says that it is ready, what it prints is
// read, and it ends when it is told to.
func TestPart(t *testing.T) {
	t.Parallel()
	part, announced, err := child.Part(t.Context(), "part", "at", "home")
	if err != nil || announced != "at home" {
		t.Fatalf("announced %q, %v", announced, err)
	}
	if resident, err := child.Resident(part.PID); runtime.GOOS == "linux" && (err != nil || resident < 1<<20) {
		t.Errorf("it has %d bytes, %v", resident, err)
	}
	if _, err := child.CPU(part.PID); runtime.GOOS == "linux" && err != nil {
		t.Error(err)
	}
	if used := part.End(); used <= 0 {
		t.Errorf("it took %v of the processor", used)
	}
	if line, err := part.Line(); line != "ending" || err != nil {
		t.Errorf("it said %q, %v", line, err)
	}
	if _, err := part.Line(); err == nil {
		t.Error("it goes on")
	}
}

// exited is closed when the process is over.
func TestExitedIsTold(t *testing.T) {
	t.Parallel()
	exited := make(chan struct{})
	if err := child.Start(exec.Command("true"), syscall.SIGKILL, exited); err != nil {
		t.Fatal(err)
	}
	<-exited
}

// A program that is not there is an error, and nothing is left waiting.
func TestMissingProgramIsAnError(t *testing.T) {
	t.Parallel()
	if err := child.Start(exec.Command("/no/such/program"), syscall.SIGKILL, make(chan struct{})); err == nil {
		t.Error("it started")
	}
}
