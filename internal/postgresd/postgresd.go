// Package postgresd runs a private PostgreSQL server from the system's own
// binaries, for the demo and for tests. Nothing of the machine's own clusters is
// touched: the server has a data directory and a socket of its own.
//
// PostgreSQL refuses to run as root; started by root, the server runs as the
// system's postgres user, which then owns the data directory.
package postgresd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/child"
)

// Config says where a server lies and how it runs.
type Config struct {
	// Dir holds the data, the socket and the log. It is made where it is missing,
	// and initialised when it has no data yet. The path is at most 80 bytes long:
	// a socket's path is limited.
	Dir string
	// TCP makes the server listen on 127.0.0.1, at Port, as well as on its socket.
	TCP bool
	// Port is the TCP port; 0 takes a free one at the first start.
	Port int
	// Settings are further command line settings, such as "fsync=off".
	Settings []string
}

// Server is a running PostgreSQL server. Stop and Kill may be called once, from
// any goroutine.
type Server struct {
	cfg     Config
	cmd     *exec.Cmd
	exited  chan struct{}
	account *syscall.Credential
}

// Start initialises the data directory where needed, starts the server, and
// returns once it accepts connections. The server ends with this process, however
// this process ends.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	account, err := account()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, account: account, exited: make(chan struct{})}
	if err := s.initialise(ctx, bin); err != nil {
		return nil, err
	}
	if cfg.TCP && cfg.Port == 0 {
		return s, s.launchOnFreePort(ctx, bin)
	}
	if cfg.Port == 0 {
		s.cfg.Port = 5432 // names the socket's file; nothing listens there without TCP
	}
	return s, s.launch(ctx, bin)
}

// launchOnFreePort tries another port where somebody else took the one that was
// free a moment ago.
func (s *Server) launchOnFreePort(ctx context.Context, bin string) (err error) {
	for range 5 {
		address, err := child.FreeAddress()
		if err != nil {
			return err
		}
		_, port, _ := net.SplitHostPort(address)
		s.cfg.Port, _ = strconv.Atoi(port)
		s.exited = make(chan struct{})
		if err = s.launch(ctx, bin); !errors.Is(err, errEnded) {
			return err
		}
	}
	return err
}

// URL returns the connection URL of database over the server's socket.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&port=%d&user=postgres", database, s.cfg.Dir, s.cfg.Port)
}

// TCPURL returns the connection URL of database over TCP.
func (s *Server) TCPURL(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", s.Addr(), database)
}

// CreateDatabase makes an empty database, and returns its URL over the socket.
func (s *Server) CreateDatabase(ctx context.Context, name string) (url string, err error) {
	admin, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return "", fmt.Errorf("connecting: %w", err)
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("making database %s: %w", name, err)
	}
	return s.URL(name), nil
}

// Addr returns the TCP address that the server listens on.
func (s *Server) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.cfg.Port))
}

// Config returns the configuration with the port that was taken, to start the
// same server once more.
func (s *Server) Config() Config { return s.cfg }

// Stop ends the server in order, without waiting for its clients.
func (s *Server) Stop() error { return s.end(syscall.SIGINT) }

// Kill ends the server as a crash would: at once, with nothing written.
func (s *Server) Kill() error {
	// The postmaster's children notice its death; SIGQUIT makes that immediate.
	return s.end(syscall.SIGQUIT)
}

// Process returns the postmaster, for tests that stop or continue it.
func (s *Server) Process() *os.Process { return s.cmd.Process }

func (s *Server) end(signal syscall.Signal) error {
	if err := s.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending postgres: %w", err)
	}
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	return nil
}

func (s *Server) initialise(ctx context.Context, bin string) error {
	data := filepath.Join(s.cfg.Dir, "data")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	if err := os.MkdirAll(s.cfg.Dir, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", s.cfg.Dir, err)
	}
	if s.account != nil {
		if err := os.Chown(s.cfg.Dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
			return fmt.Errorf("giving %s to the postgres user: %w", s.cfg.Dir, err)
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres",
		"--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
	cmd.Dir = s.cfg.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initialising %s: %w: %s", data, err, out)
	}
	return nil
}

func (s *Server) launch(ctx context.Context, bin string) error {
	listen := ""
	if s.cfg.TCP {
		listen = "127.0.0.1"
	}
	args := []string{"-D", filepath.Join(s.cfg.Dir, "data"), "-k", s.cfg.Dir, "-p", strconv.Itoa(s.cfg.Port),
		"-c", "listen_addresses=" + listen}
	for _, setting := range s.cfg.Settings {
		args = append(args, "-c", setting)
	}
	log, err := os.OpenFile(filepath.Join(s.cfg.Dir, "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the server's log: %w", err)
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.cfg.Dir, log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	if err := child.Start(s.cmd, syscall.SIGQUIT, s.exited); err != nil {
		return fmt.Errorf("starting postgres: %w", err)
	}
	if err := s.await(ctx); err != nil {
		_ = s.Kill()
		return fmt.Errorf("%w; its log is %s", err, log.Name())
	}
	return nil
}

var errEnded = errors.New("postgres ended while starting")

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("postgres does not accept connections: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// binaries returns the folder of the newest PostgreSQL server on this machine.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return major(b) - major(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0]), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("no PostgreSQL server on this machine: install Debian's package postgresql (apt-get install postgresql)")
	}
	return filepath.Dir(path), nil
}

func major(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

// account returns the user to run the server as, nil for the present one.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres to run it as: %w", err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
