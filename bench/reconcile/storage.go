package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/thumbedge/thumbedge/internal/child"
)

// storage is where thumbnails lie.
type storage struct {
	name string
	toml string // as the configuration has it
	root string // the folder of its files
	end  func()
	// server is the process of the S3 server; 0: there is none.
	server int
}

// makeStorage makes a storage below dir.
func makeStorage(dir string, onS3 bool) (*storage, error) {
	s := &storage{name: "file system", root: filepath.Join(dir, "files"), end: func() {}}
	s.toml = fmt.Sprintf("[storage]\ndriver = \"filesystem\"\nroot = %q\n", s.root)
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	if onS3 {
		return s, s.startGateway(dir)
	}
	return s, nil
}

// startGateway starts versitygw on the files below root, and goes on with a bucket of it.
func (s *storage) startGateway(dir string) error {
	const bucket = "bench" // a folder, for versitygw
	folder, metadata := filepath.Join(s.root, bucket), filepath.Join(dir, "metadata")
	if err := errors.Join(os.Mkdir(folder, 0o755), os.Mkdir(metadata, 0o755)); err != nil {
		return fmt.Errorf("making a bucket: %w", err)
	}
	address, err := child.FreeAddress()
	if err != nil {
		return err
	}
	access, secret := "AK"+rand.Text(), rand.Text()
	gateway, err := child.Run(exec.Command(".tools/versitygw", "--port", address, "--access", access, "--secret", secret, "--region", "us-east-1",
		"--quiet", "--keep-alive", "posix", "--sidecar", metadata, s.root))
	if err != nil {
		return fmt.Errorf("make tools: %w", err)
	}
	s.name, s.root, s.server = "versitygw", folder, gateway.PID
	s.toml = fmt.Sprintf("[storage]\ndriver = \"s3\"\nbucket = %q\nregion = \"us-east-1\"\nendpoint = \"http://%s\"\naccess_key = %q\nsecret_key = %q\nlocation = \"\"\npath_style = true\n",
		bucket, address, access, secret)
	s.end = func() { gateway.Kill() }
	for range 200 {
		if response, err := http.Get("http://" + address); err == nil {
			_ = response.Body.Close()
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.end()
	return fmt.Errorf("versitygw does not answer at %s", address)
}

// serverCPU returns what the S3 server has used so far.
func (s *storage) serverCPU() time.Duration {
	if s.server == 0 {
		return 0
	}
	used, _ := child.CPU(s.server) // 0 where the system does not say
	return used
}
