package machine

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	const meminfo = "MemTotal:       24000000 kB\nMemFree:          123 kB\n"
	const all = 24000000 << 10
	for name, c := range map[string]struct {
		files map[string]string
		bytes int64
		whose string
	}{
		"another system":              {nil, 0, ""},
		"no cgroup":                   {map[string]string{"proc/meminfo": meminfo}, all, "this machine"},
		"version 2, a container":      {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 512 << 20, "this process's cgroup"},
		"version 2, unbounded":        {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, all, "this machine"},
		"version 2, a service":        {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/system.slice/thumbedge.service\n", "sys/fs/cgroup/system.slice/thumbedge.service/memory.max": "1073741824\n", "sys/fs/cgroup/system.slice/memory.max": "max\n"}, 1 << 30, "this process's cgroup"},
		"version 2, an ancestor":      {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a.slice/b.service\n", "sys/fs/cgroup/a.slice/b.service/memory.max": "1073741824\n", "sys/fs/cgroup/a.slice/memory.max": "536870912\n"}, 512 << 20, "this process's cgroup"},
		"version 1":                   {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "7:cpu,cpuacct:/x\n5:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "536870912\n"}, 512 << 20, "this process's cgroup"},
		"version 1, unbounded":        {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "5:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n"}, all, "this machine"},
		"version 1, the host's path":  {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "5:memory:/docker/0123\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n"}, 512 << 20, "this process's cgroup"},
		"both":                        {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "5:memory:/x\n0::/y\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "536870912\n"}, 512 << 20, "this process's cgroup"},
		"a bound above the machine's": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "549755813888\n"}, all, "this machine"},
		"something else":              {map[string]string{"proc/meminfo": "Mem: much\n", "proc/self/cgroup": "what\n"}, 0, ""},
	} {
		files := fstest.MapFS{}
		for name, text := range c.files {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := readMemory(files); got != (Memory{c.bytes, c.whose}) {
			t.Errorf("%s: %+v, want %d of %s", name, got, c.bytes, c.whose)
		}
	}
}

func TestAdmits(t *testing.T) {
	t.Parallel()
	m := Memory{Bytes: 24 << 30, Whose: "this machine"}
	if err := m.Admits(24 << 30); err != nil {
		t.Error(err)
	}
	if err := m.Admits(256 << 30); err == nil || !strings.Contains(err.Error(), "256 GiB is more than the 24 GiB of memory that this machine has") {
		t.Errorf("%v", err)
	}
	if err := (Memory{}).Admits(1 << 60); err != nil {
		t.Errorf("what is not known refuses: %v", err)
	}
}

// This machine is one on which both are known: the tests' own.
func TestThisMachine(t *testing.T) {
	t.Parallel()
	if m := ReadMemory(); m.Bytes < 1<<20 || m.Whose == "" {
		t.Errorf("memory: %+v", m)
	}
	if n := Descriptors(); n < 16 {
		t.Errorf("%d descriptors", n)
	}
}
