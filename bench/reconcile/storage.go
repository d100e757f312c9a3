package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// storage is where thumbnails lie, as the configuration has it.
type storage struct{ toml string }

// makeStorage makes a storage below dir, whose files are the ones in the folder that
// it returns.
func makeStorage(dir string, onS3 bool) (s storage, root, name string, end func(), err error) {
	root = filepath.Join(dir, "files")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return storage{}, "", "", nil, fmt.Errorf("making a folder: %w", err)
	}
	if !onS3 {
		return storage{fmt.Sprintf("[storage]\ndriver = \"filesystem\"\nroot = %q\n", root)}, root, "file system", func() {}, nil
	}
	const bucket = "bench" // a folder, for versitygw
	if err := os.Mkdir(filepath.Join(root, bucket), 0o755); err != nil {
		return storage{}, "", "", nil, fmt.Errorf("making a bucket: %w", err)
	}
	address, access, secret, end, err := startGateway(dir, root)
	if err != nil {
		return storage{}, "", "", nil, err
	}
	toml := fmt.Sprintf("[storage]\ndriver = \"s3\"\nbucket = %q\nregion = \"us-east-1\"\nendpoint = \"http://%s\"\naccess_key = %q\nsecret_key = %q\nlocation = \"\"\npath_style = true\n",
		bucket, address, access, secret)
	return storage{toml}, filepath.Join(root, bucket), "versitygw", end, nil
}

// startGateway starts versitygw on the files below root.
func startGateway(dir, root string) (address, access, secret string, end func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", "", nil, fmt.Errorf("looking for a port: %w", err)
	}
	address = listener.Addr().String()
	_ = listener.Close()
	metadata := filepath.Join(dir, "metadata")
	if err := os.MkdirAll(metadata, 0o755); err != nil {
		return "", "", "", nil, fmt.Errorf("making a folder: %w", err)
	}
	access, secret = "AK"+rand.Text(), rand.Text()
	cmd := exec.Command(".tools/versitygw", "--port", address, "--access", access, "--secret", secret, "--region", "us-east-1",
		"--quiet", "posix", "--sidecar", metadata, root)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return "", "", "", nil, fmt.Errorf("starting versitygw (make tools): %w", err)
	}
	end = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	for range 200 {
		if response, err := http.Get("http://" + address); err == nil {
			_ = response.Body.Close()
			return address, access, secret, end, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	end()
	return "", "", "", nil, fmt.Errorf("versitygw does not answer at %s", address)
}
