package deploy_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

// service is what the tests read of a service of compose.yaml.
type service struct {
	Image       string
	Entrypoint  []string
	Command     []string
	Environment map[string]string
	Volumes     []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct {
		Test    []string
		Disable bool
	}
}

// composition is compose.yaml run as processes: the same commands with the same
// environment and the same configuration files. Only addresses, the paths of volumes
// and the database differ.
type composition struct {
	t        *testing.T
	services map[string]service
	edits    *strings.Replacer
	env      []string // for health checks of PostgreSQL
	site     *testenv.Nginx
	up       map[string]bool
	order    []string
}

// TestCompose starts the services of compose.yaml in the order that they depend on
// each other, waits for each one's own health check, and opens the gallery in a
// browser through nginx.
func TestCompose(t *testing.T) {
	t.Parallel()
	c := newComposition(t)
	for _, name := range slices.Sorted(maps.Keys(c.services)) {
		c.start(name)
	}
	if want := []string{"postgres", "app", "migrate", "s3", "thumbedge", "nginx"}; !slices.Equal(c.order, want) {
		t.Errorf("started %v, want %v", c.order, want)
	}
	tab := testenv.Browser(t)
	for _, visit := range []string{"cold", "warm"} {
		tab = testenv.Browser(t)
		tab.Open("http://" + c.site.Address + "/?labels=small,medium")
		tab.Wait("window.demo && window.demo.complete")
		var broken int
		tab.Eval(`demo.images.filter((i) => i.state !== "loaded").length`, &broken)
		if broken != 0 {
			t.Errorf("%s: %d images are not shown", visit, broken)
		}
	}
	routes := tab.Count(func(url string) bool { return strings.Contains(url, "/captures/thumbnails/") })
	stored := tab.Count(func(url string) bool {
		return strings.Contains(url, "/antenna/uploads/thumbnails/") && strings.Contains(url, "X-Amz-Signature=")
	})
	if routes != 0 || stored != 80 {
		t.Errorf("warm: %d thumbnails came from the route and %d from the S3 server, want 0 and 80", routes, stored)
	}
}

func newComposition(t *testing.T) *composition {
	t.Helper()
	// Compose's own substitution: ${NAME:-default}, and $$ for a dollar.
	text := regexp.MustCompile(`\$\{[A-Z0-9_]+:-([^}]*)\}`).ReplaceAllString(read(t, "compose.yaml"), "$1")
	var file struct{ Services map[string]service }
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, "$$", "$")), &file); err != nil {
		t.Fatal(err)
	}
	c := &composition{t: t, services: file.Services, up: map[string]bool{}}
	database := testenv.Database(t)
	dir := t.TempDir()
	c.site = testenv.StartNginx(t, func(address string) string { // the service brings its site
		return "server {\nlisten " + address + ";\nreturn 503;\n}\n"
	})
	app, s3, proxy, admin := testenv.FreeAddress(t), testenv.FreeAddress(t), testenv.FreeAddress(t), testenv.FreeAddress(t)
	host, port, _ := strings.Cut(strings.TrimPrefix(strings.Split(database, "/")[2], "postgres@"), ":")
	c.env = []string{"PGHOST=" + host, "PGPORT=" + port}
	c.edits = strings.NewReplacer(
		"postgres://antenna:thumbedge-demo@postgres:5432/antenna", database,
		"postgres://antenna:${POSTGRES_PASSWORD}@postgres:5432/antenna", database,
		"--port :7070", "--port "+s3, "s3:7070", s3, "localhost:7070", s3, "127.0.0.1:7070", s3,
		"app:8000", app, "0.0.0.0:8000", app, "/127.0.0.1/8000", "/"+strings.Replace(app, ":", "/", 1),
		"0.0.0.0:8080", proxy, "thumbedge:8080", proxy, "localhost:8080", c.site.Address,
		"/127.0.0.1/9090", "/"+strings.Replace(admin, ":", "/", 1),
		"127.0.0.1:80/", c.site.Address+"/",
		"/data/", dir+"/data/", "/data ", dir+"/data ", "/demo\x00", dir+"/demo",
		"/etc/nginx/conf.d/default.conf", filepath.Join(c.site.Dir, "site.conf"),
		"/etc/thumbedge/", dir+"/etc/thumbedge/",
	)
	c.files(dir, admin)
	return c
}

// files puts the mounted configuration files where the services find them.
func (c *composition) files(dir, admin string) {
	c.t.Helper()
	for name, s := range c.services {
		for _, volume := range s.Volumes {
			parts := strings.Split(volume, ":")
			if !strings.HasPrefix(parts[0], "./") {
				continue
			}
			text := read(c.t, parts[0])
			if name == "nginx" {
				text = strings.Replace(text, "listen 80;", "listen "+c.site.Address+";", 1)
			} else {
				text = strings.Replace(c.edits.Replace(text), "[server]\n", "[server]\nadmin_listen = \""+admin+"\"\n", 1)
				text = strings.Replace(text, "[database]\n", "[database]\npage_timeout = \"30s\"\n", 1) // a busy machine is no database that is away
			}
			path := filepath.Join(dir, parts[1])
			err := os.MkdirAll(filepath.Dir(path), 0o755)
			if err == nil {
				err = os.WriteFile(path, []byte(text), 0o644)
			}
			if err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

// start starts a service once those that it depends on are as far as it wants them.
func (c *composition) start(name string) {
	c.t.Helper()
	if c.up[name] {
		return
	}
	s := c.services[name]
	for _, dependency := range slices.Sorted(maps.Keys(s.DependsOn)) {
		c.start(dependency)
	}
	c.up[name] = true
	c.order = append(c.order, name)
	if name == "postgres" { // runs already
		c.awaitHealthy(name, s, nil)
		return
	}
	argv := c.argv(name, s)
	cmd := exec.Command(argv[0], argv[1:]...)
	tools := filepath.Dir(testenv.Tool(c.t, "versitygw"))
	cmd.Env = append(c.imageEnv(s), "PATH="+tools+":"+os.Getenv("PATH"))
	process := testenv.Start(c.t, cmd)
	if name == "nginx" || c.completes(name) {
		c.awaitExit(name, process)
		process = nil
	}
	c.awaitHealthy(name, s, process)
}

// argv is a service's command, as a process has it.
func (c *composition) argv(name string, s service) []string {
	c.t.Helper()
	entrypoint := s.Entrypoint
	if entrypoint == nil { // the image's own
		if s.Image != "thumbedge" {
			c.t.Fatalf("%s: the entrypoint of %s is not known here", name, s.Image)
		}
		entrypoint = dockerfileList(c.t, "ENTRYPOINT")
	}
	argv := append(slices.Clone(entrypoint), s.Command...)
	for i := range argv {
		argv[i] = strings.TrimSuffix(c.edits.Replace(argv[i]+"\x00"), "\x00")
	}
	switch name {
	case "app":
		argv = append(argv, "--photo-width", "256") // quicker to draw
	case "nginx": // runs already, and gets its site
		argv[2] = strings.Replace(argv[2], "nginx -g 'daemon off;'", "/usr/sbin/nginx -e "+c.site.Dir+"/error.log -c "+c.site.Dir+"/nginx.conf -s reload", 1)
	}
	if argv[0] == "thumbedge" {
		argv[0] = binary(c.t)
	}
	return argv
}

// imageEnv is a service's environment: the image's and its own.
func (c *composition) imageEnv(s service) (env []string) {
	if s.Image == "thumbedge" {
		for _, found := range regexp.MustCompile(`(?m)^ENV (\w+=\S+)$`).FindAllStringSubmatch(read(c.t, "Dockerfile"), -1) {
			env = append(env, c.edits.Replace(found[1]))
		}
	}
	for key, value := range s.Environment {
		env = append(env, key+"="+value)
	}
	return env
}

// completes says whether another service waits for this one's end.
func (c *composition) completes(name string) bool {
	for _, s := range c.services {
		if s.DependsOn[name].Condition == "service_completed_successfully" {
			return true
		}
	}
	return false
}

func (c *composition) awaitExit(name string, p *testenv.Process) {
	c.t.Helper()
	select {
	case <-p.Exited:
		if code := p.ProcessState.ExitCode(); code != 0 {
			c.t.Fatalf("%s ended with status %d: %s", name, code, p.Log())
		}
	case <-time.After(time.Minute):
		c.t.Fatalf("%s does not end: %s", name, p.Log())
	}
}

// awaitHealthy runs the service's health check until it passes.
func (c *composition) awaitHealthy(name string, s service, p *testenv.Process) {
	c.t.Helper()
	check := s.Healthcheck.Test
	switch {
	case s.Healthcheck.Disable:
		return
	case check == nil && s.Image == "thumbedge":
		check = append([]string{"CMD"}, healthCheck(c.t)...)
	case len(check) < 2 || check[0] != "CMD":
		c.t.Fatalf("%s has no health check", name)
	}
	argv := slices.Clone(check[1:])
	for i := range argv {
		argv[i] = c.edits.Replace(argv[i])
	}
	exited := make(<-chan struct{})
	if p != nil {
		exited = p.Exited
	}
	again, late := time.NewTicker(50*time.Millisecond), time.After(2*time.Minute)
	defer again.Stop()
	for {
		ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), c.env...)
		output, err := cmd.CombinedOutput()
		cancel()
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-exited:
			c.t.Fatalf("%s ended: %s", name, p.Log())
		case <-late:
			c.t.Fatalf("%s is not healthy: %q: %v: %s", name, argv, err, output)
		}
	}
}

// dockerfileList returns the words of an instruction of the Dockerfile in its JSON
// form.
func dockerfileList(t *testing.T, instruction string) (words []string) {
	t.Helper()
	found := regexp.MustCompile(`(?ms)^` + instruction + `\b[^\[]*(\[.*?\])$`).FindStringSubmatch(read(t, "Dockerfile"))
	if found == nil || json.Unmarshal([]byte(found[1]), &words) != nil {
		t.Fatalf("the Dockerfile has no %s", instruction)
	}
	return words
}

// healthCheck returns the Dockerfile's health check.
func healthCheck(t *testing.T) []string { return dockerfileList(t, "HEALTHCHECK") }
