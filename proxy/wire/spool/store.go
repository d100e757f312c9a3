package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/thumbedge/thumbedge/internal/disk"
)

// Why a body takes no more bytes.
var (
	ErrTooLarge = errors.New("body is larger than one may be")
	ErrFull     = errors.New("bodies take all that they may")
	ErrDisk     = errors.New("disk takes no more")
)

// Config bounds a Store.
type Config struct {
	Memory int64  // bytes of all bodies in memory; what is unused of their last chunks counts
	Disk   int64  // bytes of all bodies in files
	Max    int64  // bytes of one body
	Dir    string // of the files; "": $CACHE_DIRECTORY, else /var/tmp
}

// Store is what bodies share. Its methods may be called from any goroutine.
type Store struct {
	cfg    Config
	memory atomic.Int64
	disk   atomic.Int64
	pools  [len(chunkSizes)]sync.Pool // *chunk, by size
	reads  *disk.Disk                 // that files are read from
	named  bool                       // the file system does not make files without a name; for tests
}

// New returns an empty store. Files that an earlier process left behind are removed.
// A directory that cannot be used is no error: see Notice.
func New(cfg Config) *Store {
	cfg.Dir = directory(cfg.Dir)
	s := &Store{cfg: cfg, reads: disk.New()}
	for i, size := range chunkSizes {
		s.pools[i].New = func() any { return &chunk{buf: make([]byte, size), class: i} }
	}
	removeLeftovers(cfg.Dir)
	return s
}

// directory is where files go. systemd joins several of CacheDirectory= with colons.
func directory(configured string) string {
	if configured != "" {
		return configured
	}
	if cache, _, _ := strings.Cut(os.Getenv("CACHE_DIRECTORY"), ":"); cache != "" {
		return cache
	}
	return "/var/tmp"
}

// Dir returns the directory of the files.
func (s *Store) Dir() string { return s.cfg.Dir }

// Memory returns how many bytes of memory all bodies hold.
func (s *Store) Memory() int64 { return s.memory.Load() }

// Disk returns how many bytes of files all bodies hold.
func (s *Store) Disk() int64 { return s.disk.Load() }

// Notice looks at the directory, and returns what is wrong with it in words for an
// operator; "" where nothing is.
func (s *Store) Notice() string {
	kind, err := s.probe()
	switch {
	case errors.Is(err, errNotFree):
		return s.cfg.Dir + " is on a file system with less than a tenth free, so bodies are kept in memory only"
	case err != nil:
		return fmt.Sprintf("%s cannot be written, so bodies are kept in memory only: %v", s.cfg.Dir, err)
	case kind == memoryFiles:
		return s.cfg.Dir + " is on tmpfs: bodies there take memory beyond spool_memory"
	}
	return ""
}

// probe makes a file and drops it.
func (s *Store) probe() (fileKind, error) {
	f, err := s.open()
	if err != nil {
		return diskFiles, err
	}
	defer f.Close()
	return examine(f)
}

// tryFile says why a body would get no file.
func (s *Store) tryFile() error {
	if s.disk.Load() >= s.cfg.Disk {
		return ErrFull
	}
	if _, err := s.probe(); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return nil
}

// open makes a file for a body.
func (s *Store) open() (*os.File, error) {
	if !s.named {
		f, err := openNameless(s.cfg.Dir)
		if !errors.Is(err, errors.ErrUnsupported) {
			return f, err
		}
	}
	return openUnlinked(s.cfg.Dir)
}

// share is how many times what a body holds in memory has to be free for it to get
// more.
const share = 64

// takeMemory reserves size bytes for a body that holds held bytes of memory.
func (s *Store) takeMemory(size int, held int64) bool {
	for {
		used := s.memory.Load()
		if used+int64(size)+share*held > s.cfg.Memory {
			return false
		}
		if s.memory.CompareAndSwap(used, used+int64(size)) {
			return true
		}
	}
}

// takeDisk reserves size bytes for a body.
func (s *Store) takeDisk(size int64) bool {
	for {
		used := s.disk.Load()
		if used+size > s.cfg.Disk {
			return false
		}
		if s.disk.CompareAndSwap(used, used+size) {
			return true
		}
	}
}

// Chunks double from one to the next: a body takes at most twice the memory that it
// needs.
var chunkSizes = [...]int{8 << 10, 16 << 10, 32 << 10, 64 << 10}

// chunk is a piece of memory: data is the part of buf that was written.
type chunk struct {
	buf   []byte
	data  []byte
	class int
}

// chunk returns memory for a body that has that many chunks already; nil where it
// gets none.
func (s *Store) chunk(nth int, held int64) *chunk {
	class := min(nth, len(chunkSizes)-1)
	if !s.takeMemory(chunkSizes[class], held) {
		return nil
	}
	c := s.pools[class].Get().(*chunk)
	c.data = c.buf[:0]
	return c
}

func (s *Store) release(c *chunk) {
	s.memory.Add(-int64(len(c.buf)))
	s.pools[c.class].Put(c)
}

const leftover = "thumbedge-spool-"

// removeLeftovers removes the files of a process that was killed between making a
// file and taking its name away.
func removeLeftovers(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), leftover) && entry.Type().IsRegular() {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}
