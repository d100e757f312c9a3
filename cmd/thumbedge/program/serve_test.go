package program_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/cli"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// serveVariable, set in the environment of this test binary, makes it
// `thumbedge serve` with the configuration file that it names.
const serveVariable = "THUMBEDGE_TEST_SERVE"

func TestMain(m *testing.M) {
	path, replica := os.LookupEnv(serveVariable)
	if !replica {
		os.Exit(testenv.Main(m))
	}
	go func() { // a replica does not outlive the tests, however they end
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	env := cli.Env{Version: "test", Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv}
	os.Exit(cli.Main(context.Background(), env, []string{"serve", "--config", path}))
}

// replica is a `thumbedge serve` in a process of its own.
type replica struct {
	*site
	url     string
	metrics string // URL
	process *os.Process
	exited  chan struct{}
}

var servingLine = regexp.MustCompile(`msg=serving listen=(\S+) admin_listen=(\S+)`)

// serve starts a replica with the site's configuration, and returns when it
// serves. It ends with the test at the latest.
func (s *site) serve() *replica {
	s.Helper()
	return s.serveBy(exec.Command(os.Args[0]), serveVariable+"="+s.writeConfig())
}

// serveBy does so by another command, in an environment to which some is added.
func (s *site) serveBy(cmd *exec.Cmd, env ...string) *replica {
	s.Helper()
	cmd.Env = append(os.Environ(), env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	r := &replica{site: s, process: cmd.Process, exited: make(chan struct{})}
	addresses := make(chan []string, 1)
	go func() {
		defer close(r.exited)
		defer close(addresses)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintf(io.MultiWriter(s.Output(), s.log), "replica %d: %s\n", cmd.Process.Pid, lines.Text())
			if found := servingLine.FindStringSubmatch(lines.Text()); found != nil {
				addresses <- found[1:]
			}
		}
		_ = cmd.Wait()
	}()
	s.Cleanup(func() {
		_ = stdin.Close()
		r.kill()
	})
	address, ok := <-addresses
	if !ok {
		s.Fatal("the replica ended before it served")
	}
	r.url, r.metrics = "http://"+address[0], "http://"+address[1]+"/metrics"
	return r
}

// writeConfig writes the site's configuration into a file of its own.
func (s *site) writeConfig() (path string) {
	s.Helper()
	path = filepath.Join(s.TempDir(), "thumbedge.toml")
	s.writeFile(path, s.file)
	return path
}

// writeFile writes a configuration.
func (s *site) writeFile(path string, file *config.File) {
	s.Helper()
	document, err := toml.Marshal(file.Tree())
	if err == nil {
		err = os.WriteFile(path, document, 0o600)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// kill ends the replica as SIGKILL does, and returns when it is gone.
func (r *replica) kill() {
	_ = r.process.Kill() // it may have ended
	<-r.exited
}

// metric reads a metric that has no labels.
func (r *replica) metric(name string) int64 {
	r.Helper()
	_, text := r.get(r.metrics)
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		r.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		r.Fatal(err)
	}
	return int64(value)
}

// mostResident is the most memory that the replica ever had resident.
func (r *replica) mostResident() int64 {
	r.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.process.Pid))
	if err != nil {
		r.Fatal(err)
	}
	var kilobytes int64
	if _, err := fmt.Sscanf(string(regexp.MustCompile(`VmHWM:.*`).Find(status)), "VmHWM: %d kB", &kilobytes); err != nil {
		r.Fatalf("reading VmHWM: %v", err)
	}
	return kilobytes << 10
}

// gallery opens a page and asks for all of its thumbnails at once. It returns what
// each was answered, by capture and label: "302" and where to, also where the page
// has it already, another status, or why no answer came.
func (r *replica) gallery(query string) map[string]string {
	r.Helper()
	var mu sync.Mutex
	answers := map[string]string{}
	var images sync.WaitGroup
	for id, labels := range r.thumbnailsOf(r.page(r.url, query)) {
		for label, url := range labels {
			images.Go(func() {
				answer := "302 " + url // where the page says so itself
				if strings.Contains(url, r.file.Rewrite.Route) {
					answer = ask(url)
				}
				mu.Lock()
				defer mu.Unlock()
				answers[fmt.Sprintf("%d/%s", id, label)] = answer
			})
		}
	}
	images.Wait()
	return answers
}

func ask(url string) string {
	response, err := noRedirects.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(strconv.Itoa(response.StatusCode) + " " + response.Header.Get("Location"))
}
