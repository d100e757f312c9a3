package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thumbedge/thumbedge/internal/bench"
	"github.com/thumbedge/thumbedge/internal/child"
)

// server is a running process under test.
type server struct {
	addr    string
	process *child.Process
	pid     int // whose CPU counts: nginx's worker, not its master
}

// contestant is a way for a page to get through.
type contestant struct {
	name   string
	path   string // that the load asks for
	wide   bool   // under the wider load
	paced  bool   // takes part in the comparison of latency
	start  func(o options, dir, app string) (*server, error)
	expect func(page []byte) []byte
}

func same(page []byte) []byte { return page }

// contestants in the order they run. The others are compared to the nginx under the same
// load.
var contestants = []contestant{
	{"nginx, untouched", paths.plain, false, true, startNginx(""), same},
	{"thumbedge, untouched", paths.plain, false, true, startSelf("thumbedge"), same},
	{"thumbedge, rewriting", paths.pages, false, true, startSelf("thumbedge"), rewritten},
	{"Go's httputil.ReverseProxy, untouched", paths.plain, false, false, startSelf("reverseproxy"), same},
	{"nginx with Lua, rewriting", paths.pages, false, false, startNginx(luaRewrite), rewritten},
	{"nginx, from its cache", paths.kept, false, false, startNginx(nginxCache), same},
	{"thumbedge, from its cache", paths.kept, false, false, startSelf("thumbedge"), same},
	{"thumbedge, rewriting, from its cache", paths.keptPages, false, false, startSelf("thumbedge"), rewritten},
	{"nginx, untouched, 500 pages", paths.plain, true, false, startNginx(""), same},
	{"thumbedge, untouched, 500 pages", paths.plain, true, false, startSelf("thumbedge"), same},
	{"thumbedge, rewriting, 500 pages", paths.pages, true, false, startSelf("thumbedge"), rewritten},
}

// isBase says whether others are compared to the contestant.
func (c contestant) isBase() bool {
	return strings.HasPrefix(c.name, "nginx, untouched") || c.name == "nginx, from its cache"
}

// chosen are the contestants whose name only finds, and what they are compared to.
func chosen(only *regexp.Regexp) []contestant {
	runs := func(c contestant) bool { return only.MatchString(c.name) }
	return slices.DeleteFunc(slices.Clone(contestants), func(c contestant) bool {
		return !runs(c) && !(c.isBase() && slices.ContainsFunc(contestants, func(other contestant) bool { return runs(other) && other.wide == c.wide }))
	})
}

// check asks for a page and compares.
func (c contestant) check(addr string, page []byte) error {
	for range 2 { // the warm set answers from the second time on
		body, err := c.ask(addr, 7)
		if err != nil {
			return err
		}
		if want := c.expect(numbered(page, 7)); !bytes.Equal(body, want) {
			return fmt.Errorf("answered with %d bytes that are not the %d expected", len(body), len(want))
		}
	}
	return nil
}

// askAll asks for every page once.
func (c contestant) askAll(addr string) error {
	for page := range pageCount {
		if _, err := c.ask(addr, page); err != nil {
			return err
		}
	}
	return nil
}

// ask asks for the page with that number.
func (c contestant) ask(addr string, page int) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s%s?page=%d", addr, c.path, page), nil)
	if err != nil {
		return nil, err
	}
	request.Host = "127.0.0.1:9000"
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("page %d was answered with %d", page, answer.StatusCode)
	}
	return body, err
}

// startApp starts the nginx that stands in for the app.
func startApp(o options, dir string) (*server, error) {
	return runNginx(o, dir, "app", func(addr string) string {
		return fmt.Sprintf(`
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 2s;
    open_file_cache max=2000;
    types { application/json json; }
    server {
      listen %s;
      location %s { root %s/pages; try_files /$arg_page.json =404; }
      location %s { root %s/pages; try_files /$arg_page.json =404; }
      location %s { root %s/pages; try_files /$arg_page.json =404; expires 1h; }
      location %s { root %s/pages; try_files /$arg_page.json =404; expires 1h; }
    }`, addr, paths.plain, dir, paths.pages, dir, paths.kept, dir, paths.keptPages, dir)
	})
}

// startNginx starts nginx as a proxy, as fast as it goes: connections to the app
// are kept, and a page fits its buffers.
func startNginx(inLocation string) func(o options, dir, app string) (*server, error) {
	return func(o options, dir, app string) (*server, error) {
		return runNginx(o, dir, "nginx", func(addr string) string {
			return fmt.Sprintf(`
    access_log %s/access.log;
    %s
    upstream app { server %s; keepalive 64; }
    server {
      listen %s;
      location / {
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_buffer_size 16k;
        proxy_buffers 8 32k;
        proxy_busy_buffers_size 128k;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        %s
      }
    }`, dir, inHTTP(inLocation, o.memory), app, addr, inLocation)
		})
	}
}

// nginxCache has nginx keep what it passes on, where it costs it least: in memory, from
// which the kernel sends it.
const nginxCache = `
        sendfile on;
        open_file_cache max=2000;
        proxy_cache kept;`

// inHTTP is what a location needs around it.
func inHTTP(inLocation, memory string) string {
	switch inLocation {
	case luaRewrite:
		return luaWarm()
	case nginxCache:
		return "proxy_cache_path " + memory + " levels=1:2 keys_zone=kept:8m max_size=1g use_temp_path=off;"
	}
	return ""
}

func runNginx(o options, dir, name string, http func(addr string) string) (*server, error) {
	addr, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	nginx := bench.Nginx{Program: o.nginx, Workers: "1", Dir: filepath.Join(dir, name), HTTP: http(addr)}
	if strings.Contains(nginx.HTTP, "_by_lua") {
		nginx.Modules = []string{o.modules + "/ndk_http_module.so", o.modules + "/ngx_http_lua_module.so"}
	}
	process, err := nginx.Start(context.Background(), addr)
	if err != nil {
		return nil, err
	}
	s := &server{addr: addr, process: process, pid: process.PID}
	// The master listens before its worker is there.
	for range 1000 {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.pid, s.pid))
		if err != nil {
			break
		}
		for _, child := range strings.Fields(string(children)) { // the cache has processes of its own
			title, _ := os.ReadFile("/proc/" + child + "/cmdline")
			if worker, err := strconv.Atoi(child); err == nil && bytes.Contains(title, []byte("worker process")) {
				s.pid = worker
				return s, nil
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("nginx has no worker")
}

// startSelf starts this program as one of the servers written in Go.
func startSelf(mode string) func(o options, dir, app string) (*server, error) {
	return func(_ options, dir, app string) (*server, error) {
		program, err := os.Executable()
		if err != nil {
			return nil, err
		}
		addr, err := child.FreeAddress()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(program, "-serve", mode+"@"+addr, "-upstream", app)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOMAXPROCS=1")
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		process, err := child.Run(cmd)
		if err != nil {
			return nil, err
		}
		s := &server{addr: addr, process: process, pid: process.PID}
		if err := bench.Listens(addr); err != nil {
			s.stop()
			return nil, err
		}
		return s, nil
	}
}

func (s *server) stop() { s.process.End() }

// cpu is what the process has used, in the kernel too.
func (s *server) cpu() (time.Duration, error) { return child.CPU(s.pid) }

// resident is the process's memory in MiB.
func (s *server) resident() float64 {
	bytes, _ := child.Resident(s.pid) // 0 where the system does not say
	return float64(bytes) / (1 << 20)
}
