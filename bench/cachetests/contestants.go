package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/bench"
	"github.com/thumbedge/thumbedge/internal/child"
	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
)

// contestant is a cache under test.
type contestant struct {
	name string
	// start starts it at address, in front of origin. stop ends it.
	start func(ctx context.Context, dir, address, origin string) (stop func(), err error)
}

var contestants = []contestant{
	{"nginx", startNginx},
	{"Varnish, as the suite starts it", startVarnish("-p", "default_ttl=0", "-p", "default_grace=0", "-p", "default_keep=3600")},
	{"Varnish, its defaults", startVarnish()},
	{"thumbedge", startThumbedge},
}

// startNginx has proxy_cache on, as the suite's own configuration of nginx has it.
func startNginx(ctx context.Context, dir, address, origin string) (stop func(), err error) {
	nginx, err := bench.Nginx{Workers: "1", Dir: dir, HTTP: fmt.Sprintf(`    access_log off;
    proxy_cache_path %s/cache levels=1:2 keys_zone=cache:8m max_size=1000m inactive=600m;
    server {
      listen %s;
      location / { proxy_pass http://%s; proxy_cache cache; proxy_cache_revalidate on; }
    }`, dir, address, origin)}.Start(ctx, address)
	if err != nil {
		return nil, err
	}
	return func() { nginx.End() }, nil
}

func startVarnish(parameters ...string) func(ctx context.Context, dir, address, origin string) (stop func(), err error) {
	return func(ctx context.Context, dir, address, origin string) (stop func(), err error) {
		host, port, err := net.SplitHostPort(origin)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "default.vcl")
		vcl := fmt.Sprintf("vcl 4.1;\nbackend default { .host = %q; .port = %q; }\n", host, port)
		if err := os.WriteFile(file, []byte(vcl), 0o644); err != nil {
			return nil, fmt.Errorf("writing Varnish's configuration: %w", err)
		}
		args := []string{"-F", "-n", filepath.Join(dir, "varnish"), "-a", address, "-f", file, "-s", "malloc,64M"}
		return launch(exec.CommandContext(ctx, "varnishd", append(args, parameters...)...), address)
	}
}

// startThumbedge starts a `thumbedge serve` with its defaults, on a database of its own.
func startThumbedge(ctx context.Context, dir, address, origin string) (stop func(), err error) {
	database, err := postgresd.Start(ctx, postgresd.Config{Dir: filepath.Join(dir, "pg"), Settings: []string{"fsync=off"}})
	if err != nil {
		return nil, err
	}
	stopServe, err := serve(ctx, dir, address, origin, database.URL("postgres"))
	if err != nil {
		return nil, errors.Join(err, database.Stop())
	}
	return func() {
		stopServe()
		_ = database.Stop()
	}, nil
}

func serve(ctx context.Context, dir, address, origin, database string) (stop func(), err error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sampleapp.Schema+sampleapp.Defaults); err != nil {
		return nil, fmt.Errorf("making the app's tables: %w", err)
	}
	binary, media, file := filepath.Join(dir, "thumbedge"), filepath.Join(dir, "media"), filepath.Join(dir, "thumbedge.toml")
	if said, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/thumbedge").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building thumbedge: %w: %s", err, said)
	}
	admin, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	toml := fmt.Sprintf(`
[server]
listen = %q
admin_listen = %q
[upstream]
url = "http://%s"
[database]
url = %q
[storage]
driver = "filesystem"
root = %q
[log]
level = "error"
access = false
[[thumbnails]]
label = "small"
width = 240
`, address, admin, origin, database, media)
	if err := errors.Join(os.Mkdir(media, 0o755), os.WriteFile(file, []byte(toml), 0o600)); err != nil {
		return nil, fmt.Errorf("writing thumbedge's configuration: %w", err)
	}
	return launch(exec.CommandContext(ctx, binary, "serve", "--config", file), address)
}

// launch starts a server, and returns when it accepts connections at address.
func launch(cmd *exec.Cmd, address string) (stop func(), err error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	exited := make(chan struct{})
	if err := child.Start(cmd, syscall.SIGTERM, exited); err != nil {
		return nil, fmt.Errorf("starting %s: %w", filepath.Base(cmd.Path), err)
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-exited
	}
	again, late := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return stop, conn.Close()
		}
		select {
		case <-again.C:
		case <-exited:
			return nil, fmt.Errorf("%s ended: %s", filepath.Base(cmd.Path), said.Bytes())
		case <-late:
			stop()
			return nil, fmt.Errorf("%s does not listen: %w", filepath.Base(cmd.Path), err)
		}
	}
}
