package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/thumbedge/thumbedge/internal/child"
)

// The kinds of tests that are counted. A check only says what a cache does.
const (
	required = "required"
	optimal  = "optimal"
)

// suite is the installed tests, and their origin server, which runs.
type suite struct {
	dir    string
	kinds  map[string]string // of each test but those for browsers, by id
	origin string            // host:port
	close  func()
}

// listKinds prints the kind of each test that a cache which is no browser can pass.
const listKinds = `
import suites from './tests/index.mjs'
const kinds = {}
for (const { tests } of suites) for (const t of tests) if (!t.browser_only) kinds[t.id] = t.kind ?? 'required'
console.log(JSON.stringify(kinds))`

func openSuite(ctx context.Context, dir, scratch string) (*suite, error) {
	s := &suite{dir: dir}
	list := s.node(ctx, "--input-type=module", "--eval", listKinds)
	var refused bytes.Buffer
	list.Stderr = &refused
	text, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the tests: %w: %s", err, refused.Bytes())
	}
	if err := json.Unmarshal(text, &s.kinds); err != nil {
		return nil, fmt.Errorf("listing the tests: %w", err)
	}
	if s.origin, err = child.FreeAddress(); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(s.origin)
	if err != nil {
		return nil, err
	}
	origin := s.node(ctx, "server/server.mjs")
	origin.Env = append(os.Environ(), "npm_config_protocol=http", "npm_config_port="+port, "npm_config_pidfile="+filepath.Join(scratch, "origin.pid"))
	s.close, err = launch(origin, s.origin)
	return s, err
}

// node is a run of node in the suite's folder.
func (s *suite) node(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "node", append([]string{"--no-warnings"}, args...)...)
	cmd.Dir = s.dir
	return cmd
}

// results are what the suite found at one server: true by the test's id, or why not.
type results struct {
	byTest  map[string]json.RawMessage
	printed []byte
}

// run runs all tests against the server at base, or the one with that id.
func (s *suite) run(ctx context.Context, base, id string) (r results, err error) {
	cmd := s.node(ctx, "cli.mjs")
	cmd.Env = append(os.Environ(), "npm_config_base="+base, "npm_config_id="+id, "npm_package_config_id=")
	cmd.Stderr = os.Stderr
	if r.printed, err = cmd.Output(); err != nil {
		return r, fmt.Errorf("running the tests: %w", err)
	}
	if id != "" {
		return r, nil
	}
	if err := json.Unmarshal(r.printed, &r.byTest); err != nil {
		return r, fmt.Errorf("reading the results: %w: %.300s", err, r.printed)
	}
	return r, nil
}

// add counts as green what was green in another run.
func (r results) add(other results) {
	for id, result := range other.byTest {
		if string(result) == "true" {
			r.byTest[id] = result
		}
	}
}

func (s *suite) count(kind string) (n int) {
	for _, k := range s.kinds {
		if k == kind {
			n++
		}
	}
	return n
}

func (s *suite) green(r results, kind string) (n int) {
	for id, k := range s.kinds {
		if k == kind && string(r.byTest[id]) == "true" {
			n++
		}
	}
	return n
}

// red returns the required and optimal tests that failed, or did not run, each with the
// suite's own word on it.
func (s *suite) red(r results) map[string]string {
	red := map[string]string{}
	for id, kind := range s.kinds {
		if result := string(r.byTest[id]); result != "true" && (kind == required || kind == optimal) {
			red[id] = kind + ": " + result
		}
	}
	return red
}
