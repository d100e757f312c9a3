//go:build image

// Package image_test builds the container image without a container engine: it runs
// the Dockerfile's steps one by one, each stage in a root of its own that debootstrap
// has made, then starts thumbedge there as the image's user, with the root read-only,
// until the image's own health check passes.
//
// It needs root, Debian's package debootstrap and the network for apt, and takes
// minutes: `make test-image`. What differs from an engine: golang:1.26-bookworm is
// plain Debian with the image's packages and this machine's Go, which then also lends
// its module and build caches; debian:bookworm-slim is Debian's minbase.
package image_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// most is how much the image may put on top of its base.
const most = 60 << 20

func TestImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("debootstrap and chroot need root")
	}
	dir := t.TempDir() // on the same file system as the roots
	base := debian(t, filepath.Join(dir, "base"))
	size := du(t, base)
	stages := map[string]*stage{}
	var last *stage
	for _, step := range parseDockerfile(t, "../Dockerfile") {
		if step.name == "FROM" {
			last = from(t, filepath.Join(dir, fmt.Sprintf("stage-%d", len(stages))), base, step.words())
			stages[last.name] = last
			continue
		}
		t.Logf("%s %.100s", step.name, step.text)
		last.run(step, stages)
	}
	added := du(t, last.root) - size
	t.Logf("the image adds %.1f MB to its base", float64(added)/1e6)
	if added > most || added < 10<<20 {
		t.Errorf("the image adds %d bytes to its base, want at most %d", added, most)
	}
	last.start()
}

// debian makes a Debian root as debian:bookworm-slim has one.
func debian(t *testing.T, root string) string {
	t.Helper()
	must(t, command(t, "../../.ci/debian", root))
	// As in Debian's images: nothing downloaded stays.
	write(t, filepath.Join(root, "etc/apt/apt.conf.d/docker-clean"),
		`DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };`+"\n")
	must(t, command(t, "sh", "-c", "rm -rf "+root+"/var/cache/apt/archives/*.deb "+root+"/var/cache/apt/*.bin "+root+"/var/lib/apt/lists/*"))
	return root
}

// stage is one stage of the Dockerfile.
type stage struct {
	t          *testing.T
	name, root string
	env        []string // ENV and ARG, NAME=value
	workdir    string
	user       string
	mounts     []string // further mounts of RUN: a shell line each
	health     []string
	entrypoint []string
	cmd        []string
}

// from begins a stage.
func from(t *testing.T, root, base string, words []string) *stage {
	t.Helper()
	s := &stage{t: t, root: root, workdir: "/", user: "0", env: []string{"PATH=" + path}}
	if len(words) == 3 && strings.EqualFold(words[1], "as") {
		s.name = words[2]
	}
	must(t, command(t, "cp", "-a", base, s.root))
	switch words[0] {
	case "golang:1.26-bookworm":
		if !strings.HasPrefix(runtime.Version(), "go1.26") {
			t.Fatalf("this machine's Go is %s, not that of %s", runtime.Version(), words[0])
		}
		s.golang()
	case "debian:bookworm-slim":
	default:
		t.Fatalf("nothing here stands for the image %s", words[0])
	}
	return s
}

// path is that of Debian's images.
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// golang makes the stage's root one with Go in it.
func (s *stage) golang() {
	s.t.Helper()
	s.shell("apt-get update && apt-get install -y --no-install-recommends ca-certificates g++ gcc git libc6-dev make")
	bind := func(what, where string) {
		if err := os.MkdirAll(s.root+where, 0o755); err != nil {
			s.t.Fatal(err)
		}
		s.mounts = append(s.mounts, "mount --bind "+what+" "+s.root+where)
	}
	bind(goenv(s.t, "GOROOT"), "/usr/local/go")
	bind(goenv(s.t, "GOCACHE"), "/root/.cache/go-build")
	bind(goenv(s.t, "GOMODCACHE"), "/modules")
	// The modules come by this machine's way to them, whose certificates the root lacks.
	must(s.t, command(s.t, "go", "mod", "download"))
	s.env = append(s.env, "PATH=/usr/local/go/bin:"+path, "HOME=/root", "GOTOOLCHAIN=local", "GOMODCACHE=/modules", "GOPROXY=off")
}

func goenv(t *testing.T, name string) string {
	t.Helper()
	output, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}

// run does one instruction.
func (s *stage) run(step instruction, stages map[string]*stage) {
	s.t.Helper()
	switch step.name {
	case "RUN":
		s.shell(step.text)
	case "WORKDIR":
		s.workdir = step.text
		must(s.t, command(s.t, "mkdir", "-p", s.root+s.workdir))
	case "COPY":
		s.copy(step.words(), stages)
	case "ARG":
		name, value, _ := strings.Cut(step.text, "=")
		s.env = append(s.env, name+"="+value)
	case "ENV":
		s.env = append(s.env, step.text)
	case "USER":
		s.user = step.text
	case "HEALTHCHECK":
		_, list, _ := strings.Cut(step.text, "CMD ")
		s.health = words(s.t, list)
	case "ENTRYPOINT":
		s.entrypoint = words(s.t, step.text)
	case "CMD":
		s.cmd = words(s.t, step.text)
	case "EXPOSE", "STOPSIGNAL", "VOLUME": // of no consequence to a root
	default:
		s.t.Fatalf("this test does not know %s", step.name)
	}
}

// shell runs a line in the stage's root, as its user.
func (s *stage) shell(line string) {
	s.t.Helper()
	script := append([]string{"set -e", "mount -t proc proc " + s.root + "/proc"}, s.mounts...)
	script = append(script, `cd `+s.root+s.workdir, `exec chroot --userspec="$1" `+s.root+` env -i "${@:3}" /bin/sh -c "cd `+s.workdir+`; $2"`)
	args := append([]string{"--mount", "bash", "-c", strings.Join(script, "\n"), "sh", s.user + ":" + s.user, line, "DEBIAN_FRONTEND=noninteractive"}, s.env...)
	must(s.t, command(s.t, "unshare", args...))
}

// copy does COPY [--from=stage] source… target.
func (s *stage) copy(words []string, stages map[string]*stage) {
	s.t.Helper()
	source := "../.." // the context
	if name, ok := strings.CutPrefix(words[0], "--from="); ok {
		source, words = stages[name].root, words[1:]
	}
	target := words[len(words)-1]
	if !strings.HasPrefix(target, "/") {
		target = filepath.Join(s.workdir, target) + "/"
	}
	for _, name := range words[:len(words)-1] {
		if name != "." {
			must(s.t, command(s.t, "cp", "-a", "--no-preserve=ownership", filepath.Join(source, name), s.root+target))
			continue
		}
		exclude := ""
		for _, ignored := range strings.Fields(read(s.t, "../Dockerfile.dockerignore")) {
			exclude += " --exclude=./" + ignored
		}
		must(s.t, command(s.t, "sh", "-c", "tar -C "+source+" --anchored"+exclude+" -cf - . | tar -C "+s.root+target+" --no-same-owner -xf -"))
	}
}

// start runs the image as `docker run --read-only` would, with the configuration of
// compose.yaml and none of the parts that it names, and runs the health check until it
// passes. All of it has a network and a process space of its own, which end with it.
func (s *stage) start() {
	s.t.Helper()
	write(s.t, filepath.Join(s.root, "etc/thumbedge/thumbedge.toml"), read(s.t, "../compose/thumbedge.toml"))
	quoted := func(words []string) string {
		text := ""
		for _, word := range words {
			text += " '" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		return text
	}
	env := append([]string{"POSTGRES_PASSWORD=x", "S3_SECRET_KEY=x"}, s.env...)
	in := "chroot --userspec=" + s.user + ":" + s.user + " " + s.root + " env -i" + quoted(env)
	script := strings.Join([]string{
		"set -e",
		"ip link set lo up",
		"mount --bind " + s.root + " " + s.root,
		"mount -t proc proc " + s.root + "/proc",
		"mount -o remount,bind,ro " + s.root,
		"if " + in + " touch /tmp/x; then echo 'the root can be written'; exit 1; fi",
		in + quoted(append(s.entrypoint, s.cmd...)) + " &",
		"serving=$!",
		"for try in $(seq 100); do if " + in + quoted(s.health) + "; then healthy=yes; break; fi; sleep 0.2; done",
		`[ "$healthy" = yes ] || { echo 'the health check does not pass'; exit 1; }`,
		`uid=$(awk '/^Uid:/ {print $2}' /proc/$serving/status); [ "$uid" = ` + s.user + ` ] || { echo "runs as $uid"; exit 1; }`,
		"kill -TERM $serving; wait $serving",
		"echo healthy, and stopped in order",
	}, "\n")
	cmd := command(s.t, "unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", script)
	must(s.t, cmd)
}

// instruction is one of the Dockerfile.
type instruction struct{ name, text string }

func (i instruction) words() []string { return strings.Fields(i.text) }

// parseDockerfile joins continued lines and drops comments.
func parseDockerfile(t *testing.T, path string) (steps []instruction) {
	t.Helper()
	whole := ""
	for line := range strings.Lines(read(t, path)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(strings.TrimSpace(line), "#") || strings.TrimSpace(line) == "" {
			continue
		}
		if part, continued := strings.CutSuffix(line, `\`); continued {
			whole += part
			continue
		}
		name, text, _ := strings.Cut(strings.TrimSpace(whole+line), " ")
		steps = append(steps, instruction{name, strings.TrimSpace(text)})
		whole = ""
	}
	return steps
}

func words(t *testing.T, list string) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(list), &words); err != nil {
		t.Fatalf("%s is no list in JSON: %v", list, err)
	}
	return words
}

func command(t *testing.T, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	return cmd
}

func must(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%.200s: %v", strings.Join(cmd.Args, " "), err)
	}
}

func du(t *testing.T, root string) int {
	t.Helper()
	output, err := exec.Command("du", "-sxB1", root).Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(output))[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
