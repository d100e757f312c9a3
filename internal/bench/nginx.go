package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/thumbedge/thumbedge/internal/child"
)

// Nginx is how an nginx is run.
type Nginx struct {
	Program string   // "": that of PATH, or where Debian has it
	Modules []string // files that it loads
	Workers string   // worker_processes
	Dir     string   // its own; it is made
	HTTP    string   // what stands in its http block
}

// nginxConfig has nginx keep all that it writes in its own folder, and its connections.
const nginxConfig = `%[1]sworker_processes %[2]s;
daemon off;
pid %[3]s/pid;
error_log %[3]s/error.log;
events { worker_connections 1024; }
http {
    keepalive_requests 100000000;
    client_body_temp_path %[3]s/body;
    proxy_temp_path %[3]s/proxy;
    fastcgi_temp_path %[3]s/fastcgi;
    uwsgi_temp_path %[3]s/uwsgi;
    scgi_temp_path %[3]s/scgi;
%[4]s
}
`

// Start starts it, and returns when it listens at an address that HTTP names.
func (n Nginx) Start(ctx context.Context, address string) (*child.Process, error) {
	if err := os.MkdirAll(n.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making nginx's folder: %w", err)
	}
	head := ""
	for _, module := range n.Modules {
		head += "load_module " + module + ";\n"
	}
	if os.Getuid() == 0 {
		head += "user root;\n"
	}
	file := filepath.Join(n.Dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, head, n.Workers, n.Dir, n.HTTP), 0o644); err != nil {
		return nil, fmt.Errorf("writing nginx's configuration: %w", err)
	}
	program := n.Program
	if program == "" {
		program = "/usr/sbin/nginx"
		if found, err := exec.LookPath("nginx"); err == nil {
			program = found
		}
	}
	cmd := exec.CommandContext(ctx, program, "-e", n.Dir+"/error.log", "-c", file)
	cmd.Stderr = os.Stderr
	nginx, err := child.Run(cmd)
	if err != nil {
		return nil, fmt.Errorf("nginx (Debian's package nginx): %w", err)
	}
	if err := Listens(address); err != nil {
		nginx.End()
		return nil, fmt.Errorf("nginx: %w", err)
	}
	return nginx, nil
}

// Listens waits until somebody listens at an address.
func Listens(address string) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
	}
	return errors.New("nobody listens at " + address)
}
