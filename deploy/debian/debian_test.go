//go:build release

// Package debian_test installs, starts, upgrades, removes and purges the packages of
// dist/ in a Debian that has nothing else. systemd does not run there: the service is
// started as its unit says, by the unit's user, and the unit is judged by systemd-analyze.
//
// It needs root, and what `make release` has made: `make test-release` runs it.
package debian_test

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestPackages: lintian finds no error in any package, and mandoc none in the manual.
func TestPackages(t *testing.T) {
	packages, err := filepath.Glob("../../dist/*.deb")
	if err != nil || len(packages) != 2 {
		t.Fatalf("%v, %v: `make release` comes first", packages, err)
	}
	for _, path := range packages {
		output, err := exec.Command("lintian", "--fail-on", "error", "--allow-root", path).CombinedOutput()
		if err != nil {
			t.Errorf("lintian: %v\n%s", err, output)
		}
		content := t.TempDir()
		must(t, command(t, "dpkg-deb", "-x", path, content))
		pages, err := filepath.Glob(content + "/usr/share/man/man*/*.gz")
		if err != nil || len(pages) != 2 {
			t.Errorf("%s has the pages %v, %v", path, pages, err)
		}
		for _, page := range pages {
			output, err := exec.Command("mandoc", "-T", "lint", "-W", "warning", page).CombinedOutput()
			if err != nil {
				t.Errorf("mandoc: %v\n%s", err, output)
			}
		}
		needs(t, path, content+"/usr/bin/thumbedge")
	}
}

// needs: the package depends on the C library that its program was linked to, or newer.
func needs(t *testing.T, path, program string) {
	t.Helper()
	output, err := exec.Command("dpkg-deb", "-f", path, "Depends").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	versions, err := file.DynamicVersionNeeds()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) { // none: pure Go
		t.Fatal(err)
	}
	least := regexp.MustCompile(`libc6 \(>= ([0-9.]+)\)`).FindStringSubmatch(string(output))
	for _, library := range versions {
		for _, v := range library.Needs {
			version, isGlibc := strings.CutPrefix(v.Dep, "GLIBC_")
			if isGlibc && (least == nil || exec.Command("dpkg", "--compare-versions", version, "gt", least[1]).Run() == nil) {
				t.Errorf("%s depends on %s, but its program needs libc6 %s", path, output, version)
			}
		}
	}
}

// machine is a Debian root in which a package is used.
type machine struct {
	t    *testing.T
	root string
}

// TestInstalled follows a package through its life on a machine.
func TestInstalled(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("debootstrap and chroot need root")
	}
	m := &machine{t, filepath.Join(t.TempDir(), "root")}
	must(t, command(t, "../../.ci/debian", m.root))
	for _, name := range []string{"hosts", "resolv.conf"} {
		must(t, command(t, "cp", "/etc/"+name, m.root+"/etc/"+name))
	}
	first, second := m.packages()

	m.sh("apt-get update -qq; apt-get install -y -qq --no-install-recommends /first.deb >/dev/null")
	m.prints("stat -c '%a %U:%G' /etc/thumbedge/thumbedge.toml /etc/thumbedge/secrets.env", "640 root:thumbedge\n640 root:thumbedge")
	m.prints("getent passwd thumbedge | cut -d: -f3,7 | awk -F: '$1 < 1000 { print $2 }'", "/usr/sbin/nologin")
	m.prints("systemctl is-enabled thumbedge || true", "disabled")
	m.sh("systemd-analyze verify --man=no /lib/systemd/system/thumbedge.service")
	m.prints("{ thumbedge serve --config /etc/thumbedge/thumbedge.toml 2>&1 || true; } | grep -om1 POSTGRES_PASSWORD", "POSTGRES_PASSWORD") // what is missing

	// As README.Debian says, to an app that is not there.
	m.sh(`sed -i 's|^public_url = ""|public_url = "https://antenna.example.org"|' /etc/thumbedge/thumbedge.toml`)
	m.sh("echo POSTGRES_PASSWORD=x >>/etc/thumbedge/secrets.env")
	m.sh("systemctl enable --quiet thumbedge")
	m.serves()

	m.sh("dpkg -i /first.deb >/dev/null </dev/null") // the example is as it was: nobody is asked
	m.prints("dpkg-query -W -f '${Version}' thumbedge", first)
	m.sh("apt-get install -y -qq /second.deb >/dev/null </dev/null -o Dpkg::Options::=--force-confold")
	m.prints("dpkg-query -W -f '${Version}' thumbedge", second)
	m.prints("grep -c antenna.example.org /etc/thumbedge/thumbedge.toml; tail -n 1 /etc/thumbedge/thumbedge.toml.dpkg-dist", "1\n# The second version's.")
	m.prints("stat -c '%a %U:%G' /etc/thumbedge/thumbedge.toml", "640 root:thumbedge")
	m.prints("systemctl is-enabled thumbedge", "enabled")
	m.serves()
	m.sh("apt-get remove -y -qq thumbedge >/dev/null")
	m.prints("tail -n 1 /etc/thumbedge/secrets.env; test ! -e /usr/bin/thumbedge", "POSTGRES_PASSWORD=x")
	m.sh("apt-get purge -y -qq thumbedge >/dev/null")
	m.prints("find / -xdev -path /proc -prune -o -name '*thumbedge*' -print", "")
	// The user stays; dpkg's own backups may name it, too.
	m.prints("grep -rl thumbedge /etc /var/lib /lib/systemd /usr/lib | grep -v -e '^/etc/g\\?shadow-\\?$' -e '^/etc/passwd-\\?$' -e '^/etc/group-\\?$' -e ^/var/lib/dpkg/status-old || true", "")
	m.prints("getent passwd thumbedge | cut -d: -f1", "thumbedge")
}

// packages puts two versions of this machine's package into the root: the release's, and one
// above it, in which the example has changed. It returns their versions.
func (m *machine) packages() (first, second string) {
	m.t.Helper()
	released, err := filepath.Glob("../../dist/*_" + runtime.GOARCH + ".deb")
	if err != nil || len(released) != 1 {
		m.t.Fatalf("%v, %v: `make release` comes first", released, err)
	}
	pattern := map[string]string{"amd64": "amd64-turbojpeg"}[runtime.GOARCH]
	if pattern == "" {
		pattern = runtime.GOARCH
	}
	archives, err := filepath.Glob("../../dist/*-linux-" + pattern + ".tar.gz")
	if err != nil || len(archives) != 1 {
		m.t.Fatalf("%v, %v", archives, err)
	}
	work := m.t.TempDir()
	must(m.t, command(m.t, "tar", "-C", work, "-xzf", archives[0]))
	folder := filepath.Join(work, strings.TrimSuffix(filepath.Base(archives[0]), ".tar.gz"))
	must(m.t, command(m.t, "sh", "-c", "echo \"# The second version's.\" >>"+folder+"/config.example.toml"))
	build := command(m.t, "./build", runtime.GOARCH, folder, "v999.0.0-rc.1", work)
	build.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1800000000")
	must(m.t, build)
	second = "999.0.0~rc.1-1"
	must(m.t, command(m.t, "cp", released[0], m.root+"/first.deb"))
	must(m.t, command(m.t, "cp", filepath.Join(work, "thumbedge_"+second+"_"+runtime.GOARCH+".deb"), m.root+"/second.deb"))
	output, err := exec.Command("dpkg-deb", "-f", released[0], "Version").Output()
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSpace(string(output)), second
}

// run runs a script in the root, in a process space of its own, which ends with it.
func (m *machine) run(network, script string) (string, error) {
	m.t.Helper()
	outside := "mount -t proc proc " + m.root + "/proc; mount --rbind /dev " + m.root + "/dev; " +
		`exec chroot "$0" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive bash -euo pipefail -c "$1"`
	args := []string{"--mount", "--pid", "--fork", "--kill-child"}
	if network != "" {
		args = append(args, "--net")
	}
	cmd := exec.CommandContext(m.t.Context(), "unshare", append(args, "bash", "-euc", network+outside, m.root, script)...)
	output, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

func (m *machine) sh(script string) {
	m.t.Helper()
	if output, err := m.run("", script); err != nil {
		m.t.Fatalf("%s: %v\n%s", script, err, output)
	}
}

func (m *machine) prints(script, want string) {
	m.t.Helper()
	if output, err := m.run("", script); err != nil || output != want {
		m.t.Errorf("%s: %v, prints\n%s\nwant\n%s", script, err, output, want)
	}
}

// serves starts the service as its unit says, until it is alive, and stops it in order.
func (m *machine) serves() {
	m.t.Helper()
	unit, err := os.ReadFile(filepath.Join(m.root, "lib/systemd/system/thumbedge.service"))
	if err != nil {
		m.t.Fatal(err)
	}
	setting := func(name string) string {
		found := regexp.MustCompile(`(?m)^` + name + `=-?(.+)$`).FindStringSubmatch(string(unit))
		if found == nil {
			m.t.Fatalf("the unit has no %s", name)
		}
		return found[1]
	}
	user, cache := setting("User"), "/var/cache/"+setting("CacheDirectory")
	script := strings.Join([]string{
		"install -d -m " + setting("CacheDirectoryMode") + " -o " + user + " -g " + setting("Group") + " " + cache,
		"set -a; . " + setting("EnvironmentFile") + "; " + setting("Environment") + "; CACHE_DIRECTORY=" + cache + "; set +a",
		"setpriv --reuid " + user + " --regid " + setting("Group") + " --init-groups --no-new-privs --bounding-set=-all " + setting("ExecStart") + " &",
		"serving=$!",
		`alive() { exec 3<>/dev/tcp/127.0.0.1/9090 && printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3 && grep -q '"alive": true' <&3; }`,
		"for try in $(seq 100); do if (alive) 2>/dev/null; then healthy=yes; break; fi; sleep 0.2; done",
		`[ "${healthy:-}" = yes ] || { echo 'it does not come up'; exit 1; }`,
		`[ "$(stat -c %U /proc/$serving)" = ` + user + ` ] || { echo "it runs as $(stat -c %U /proc/$serving)"; exit 1; }`,
		"kill -TERM $serving; wait $serving",
	}, "\n")
	if output, err := m.run("ip link set lo up; ", script); err != nil {
		m.t.Errorf("started as the unit says: %v\n%s", err, output)
	}
}

func command(t *testing.T, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	return cmd
}

func must(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
}
