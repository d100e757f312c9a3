// Package machine says what this process may take of the machine that it runs on: the
// memory that the machine, or the cgroup around the process, has, and how many files
// and connections it may have open. A configuration that asks for more is told so when
// it is read, not by the kernel at night.
package machine

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"
)

// Memory is how much memory there is. The zero value is "not known", and admits
// everything.
type Memory struct {
	Bytes int64
	Whose string // "this machine", or "this process's cgroup"
}

// Admits says whether bytes fit into the memory that there is. The error is fit to
// stand after a key.
func (m Memory) Admits(bytes int64) error {
	if m.Bytes == 0 || bytes <= m.Bytes {
		return nil
	}
	return fmt.Errorf("%s is more than the %s of memory that %s has", humanize.IBytes(uint64(bytes)), humanize.IBytes(uint64(m.Bytes)), m.Whose)
}

// ReadMemory reads what Linux says; where it is another system, nothing is known.
func ReadMemory() Memory { return readMemory(os.DirFS("/")) }

// The files that bound a cgroup's memory, under where they are mounted: version 2's,
// and version 1's.
const (
	boundV2, mountV2 = "memory.max", "sys/fs/cgroup"
	boundV1, mountV1 = "memory.limit_in_bytes", "sys/fs/cgroup/memory"
)

func readMemory(root fs.FS) Memory {
	memory := Memory{Bytes: total(root), Whose: "this machine"}
	if memory.Bytes == 0 {
		return Memory{}
	}
	cgroups, _ := fs.ReadFile(root, "proc/self/cgroup") // absent: there are none
	for line := range strings.Lines(string(cgroups)) {
		// number:controllers:path; version 2 has no controllers there.
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount, bound := mountV2, boundV2
		switch {
		case parts[1] == "":
		case strings.Contains(","+parts[1]+",", ",memory,"):
			mount, bound = mountV1, boundV1
		default:
			continue
		}
		if bytes := leastBound(root, mount, parts[2], bound); bytes > 0 && bytes < memory.Bytes {
			memory = Memory{Bytes: bytes, Whose: "this process's cgroup"}
		}
	}
	return memory
}

// total is the machine's memory; 0: not known.
func total(root fs.FS) int64 {
	text, _ := fs.ReadFile(root, "proc/meminfo")
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// leastBound is the least of a cgroup's and its ancestors' bounds; 0: there is none. In a
// container the path may be the host's, which is not there: then its root's counts.
func leastBound(root fs.FS, mount, cgroup, bound string) int64 {
	least := int64(0)
	for at := path.Clean("/" + cgroup); ; at = path.Dir(at) {
		text, _ := fs.ReadFile(root, path.Join(mount, at, bound))
		// "max" is no number, and no bound.
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && (least == 0 || n < least) {
			least = n
		}
		if at == "/" {
			return least
		}
	}
}

// Descriptors returns how many files and connections this process may have open; 0: not
// known. Go has raised it to what the system allows already.
func Descriptors() int64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return min(int64(limit.Cur&(1<<62-1)), 1<<40)
}
