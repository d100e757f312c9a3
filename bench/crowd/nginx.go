package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/thumbedge/thumbedge/internal/child"
)

// nginxConfig is nginx as it stands before an app, as fast as it goes.
const nginxConfig = `daemon off;
user root;
worker_processes auto;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  keepalive_requests 100000000;
  upstream app { server %[2]s; keepalive 64; keepalive_requests 100000000; }
  server {
    listen %[3]s;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_buffer_size 16k;
      proxy_buffers 8 32k;
      proxy_busy_buffers_size 128k;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}
`

// startNginx starts nginx before the app, and returns its address.
func startNginx(ctx context.Context, parent, app string) (*child.Process, string, error) {
	dir := filepath.Join(parent, "nginx")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, "", fmt.Errorf("making nginx's folder: %w", err)
	}
	address, err := child.FreeAddress()
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, dir, app, address), 0o644); err != nil {
		return nil, "", fmt.Errorf("writing nginx's configuration: %w", err)
	}
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx"
	}
	cmd := exec.CommandContext(ctx, program, "-e", dir+"/error.log", "-c", file)
	cmd.Stderr = os.Stderr
	nginx, err := child.Run(cmd)
	if err != nil {
		return nil, "", fmt.Errorf("nginx (Debian's package nginx): %w", err)
	}
	for range 500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			return nginx, address, conn.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	nginx.End()
	return nil, "", fmt.Errorf("nginx does not listen at %s", address)
}
