package spool

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

const kib = 1 << 10

// small is a store in which everything runs out soon.
func small(t testing.TB, memory int64) *Store {
	return New(Config{Memory: memory, Disk: 256 * kib, Max: 200 * kib, Dir: t.TempDir()})
}

// take reads what Next offers, at most most bytes of it.
func take(t testing.TB, b *Body, most int) ([]byte, error) {
	part, err := b.Next()
	if err != nil {
		return nil, err
	}
	data := part.Bytes
	if part.InFile() {
		data = make([]byte, min(part.Length, int64(most)))
		if _, err := part.ReadAt(data, 0); err != nil {
			t.Fatalf("reading the file: %v", err)
		}
	} else if int64(len(data)) != part.Length {
		t.Fatalf("a part of %d bytes is said to have %d", len(data), part.Length)
	}
	data = bytes.Clone(data[:min(len(data), most)])
	b.Skip(int64(len(data)))
	return data, nil
}

// empty checks that nothing is held any more.
func empty(t testing.TB, s *Store) {
	t.Helper()
	if s.Memory() != 0 || s.Disk() != 0 {
		t.Errorf("%d bytes of memory and %d of disk are held", s.Memory(), s.Disk())
	}
}

func pattern(n int) []byte {
	p := make([]byte, n)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(p)
	return p
}

// Whatever the order of writing and reading, the reader gets what was written, and no
// bound is broken. Each three bytes of the input are a step.
func FuzzBody(f *testing.F) {
	f.Add([]byte{0, 255, 1, 1, 10, 0, 0, 255, 9, 0, 255, 9, 1, 255, 255, 1, 255, 255}, false, false)
	f.Add([]byte{0, 255, 1, 1, 10, 0, 0, 255, 9, 0, 255, 9, 1, 255, 255, 1, 255, 255}, false, true)
	f.Add([]byte{0, 255, 255, 0, 255, 255, 2, 0, 0, 1, 255, 255, 3, 200, 1, 2, 0, 0}, true, false)
	f.Add([]byte{0, 255, 255, 0, 255, 255, 2, 0, 0, 1, 255, 255, 3, 200, 1, 2, 0, 0}, true, true)
	f.Add(bytes.Repeat([]byte{0, 255, 255}, 8), true, false)
	f.Add(bytes.Repeat([]byte{0, 255, 255}, 8), true, true)
	f.Add(bytes.Repeat([]byte{0, 255, 255, 1, 255, 255}, 8), false, false)
	f.Add(bytes.Repeat([]byte{0, 255, 255, 1, 255, 255}, 8), false, true)
	f.Add(bytes.Repeat([]byte{0, 255, 255, 1, 255, 200}, 12), false, false)
	f.Add(bytes.Repeat([]byte{0, 255, 255, 1, 255, 200}, 12), false, true)
	source := pattern(1 << 20)
	f.Fuzz(func(t *testing.T, steps []byte, kept, roomy bool) {
		memory := int64(96 * kib)
		if roomy {
			memory = 2 << 20
		}
		s := small(t, memory)
		other := s.NewBody(false) // takes some of what there is
		_, _ = other.Write(source[:20*kib])
		b := s.NewBody(kept)
		var model []byte
		read := 0
		for ; len(steps) >= 3; steps = steps[3:] {
			n := int(steps[1])<<8 | int(steps[2])
			switch steps[0] % 4 {
			case 0:
				p := source[len(model)%kib:][:n]
				taken, err := b.Write(p)
				if (err == nil) != (taken == len(p)) {
					t.Fatalf("of %d bytes %d were taken: %v", n, taken, err)
				}
				model = append(model, p[:taken]...)
			case 1:
				if read == len(model) {
					continue
				}
				got, err := take(t, b, n+1)
				if err != nil || !bytes.Equal(got, model[read:read+len(got)]) {
					t.Fatalf("at %d: %v, or other bytes", read, err)
				}
				read += len(got)
			case 2:
				if kept {
					b.Rewind()
					read = 0
				}
			case 3:
				if !kept {
					continue
				}
				room := b.Room()
				if n = min(n, len(room)); n > 0 {
					copy(room, source[:n])
					b.Commit(n)
					model = append(model, source[:n]...)
				}
			}
			if s.Memory() > s.cfg.Memory || s.Disk() > s.cfg.Disk || b.held() > s.cfg.Max || b.Len() != int64(len(model)) {
				t.Fatalf("%d of memory, %d of disk, %d held, %d long", s.Memory(), s.Disk(), b.held(), b.Len())
			}
		}
		b.End(nil)
		rest := make([]byte, 0, len(model)-read)
		for {
			got, err := take(t, b, 1<<20)
			if err == io.EOF {
				break
			}
			rest = append(rest, got...)
		}
		if !bytes.Equal(rest, model[read:]) {
			t.Fatal("the rest differs")
		}
		b.Close()
		other.Close()
		empty(t, s)
	})
}

// A reader that follows the writer, faster and slower than it by turns, gets every
// byte in order through memory, file and hand, and io.EOF or the writer's error after
// the last.
func TestReaderFollows(t *testing.T) {
	t.Parallel()
	for _, ending := range []error{nil, io.ErrUnexpectedEOF} {
		s := small(t, 96*kib)
		b := s.NewBody(false)
		source := pattern(4 << 20)
		written := make(chan error)
		go func() {
			random := rand.New(rand.NewPCG(1, 2))
			for rest := source; len(rest) > 0; {
				n := min(1+random.IntN(100*kib), len(rest))
				if _, err := b.Push(rest[:n]); err != nil {
					written <- err
					return
				}
				rest = rest[n:]
			}
			b.End(ending)
			written <- nil
		}()
		sum, random := sha256.New(), rand.New(rand.NewPCG(3, 4))
		for {
			got, err := take(t, b, 1+random.IntN(150*kib))
			if err != nil {
				if want := ending; !errors.Is(err, io.EOF) && !errors.Is(err, want) {
					t.Fatalf("ended by %v, want %v", err, want)
				}
				break
			}
			sum.Write(got)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		if want := sha256.Sum256(source); !bytes.Equal(sum.Sum(nil), want[:]) {
			t.Error("other bytes came out")
		}
		b.Close()
		empty(t, s)
	}
}

// What does not fit waits for the reader, and its writer with it.
func TestPushWaits(t *testing.T) {
	t.Parallel()
	s := small(t, 96*kib)
	b := s.NewBody(false)
	source := pattern(500 * kib)
	pushed := make(chan error, 1)
	push := func() {
		waited, err := b.Push(source)
		if !waited {
			t.Error("Push says that it did not wait")
		}
		pushed <- err
	}
	go push()
	var got []byte
	for len(got) < len(source) {
		select {
		case err := <-pushed:
			t.Fatalf("Push returned when %d of %d bytes were read: %v", len(got), len(source), err)
		default:
		}
		part, err := take(t, b, 64*kib)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part...)
	}
	if err := <-pushed; err != nil || !bytes.Equal(got, source) {
		t.Errorf("%v, or other bytes", err)
	}

	go push()
	if _, err := b.Next(); err != nil {
		t.Fatal(err)
	}
	b.Abandon()
	if err := <-pushed; err != ErrAbandoned {
		t.Errorf("Push to an abandoned body: %v", err)
	}
	b.Close()
	empty(t, s)
}

// Large bodies that wait take little memory each and leave some to the small ones
// that come after them.
func TestMemoryIsShared(t *testing.T) {
	t.Parallel()
	s := New(Config{Memory: 64 << 20, Disk: 1 << 30, Max: 1 << 30, Dir: t.TempDir()})
	source := pattern(3 << 19)
	var bodies []*Body
	add := func(size int) *Body {
		b := s.NewBody(true)
		bodies = append(bodies, b)
		if n, err := b.Write(source[:size]); n != size || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		return b
	}
	if b := add(len(source)); b.memory < 900*kib || b.memory > 1100*kib {
		t.Errorf("a body alone takes %d KiB of memory", b.memory/kib)
	}
	for range 199 {
		add(len(source))
	}
	for i := range 30 {
		if b := add(20 * kib); b.file != nil {
			t.Fatalf("small body %d beside 200 large ones gets no memory", i)
		}
	}
	for _, b := range bodies {
		b.Close()
	}
	empty(t, s)
}

// What is full says so, in kind.
func TestFull(t *testing.T) {
	t.Parallel()
	source := pattern(300 * kib)
	s := small(t, 96*kib)
	one, two, three := s.NewBody(true), s.NewBody(true), s.NewBody(true)
	if n, err := one.Write(source); n != 200*kib || !errors.Is(err, ErrTooLarge) {
		t.Errorf("past the most of one body: %d, %v", n, err)
	}
	_, _ = two.Write(source[:150*kib])
	if n, err := three.Write(source[:150*kib]); n >= 150*kib || !errors.Is(err, ErrFull) {
		t.Errorf("past the most of all: %d, %v", n, err)
	}
	for _, b := range []*Body{one, two, three} {
		b.Close()
	}
	empty(t, s)

	nowhere := New(Config{Memory: 64 * kib, Disk: 1 << 20, Max: 1 << 20, Dir: filepath.Join(t.TempDir(), "none")})
	if nowhere.Notice() == "" {
		t.Error("nothing is said of a directory that does not exist")
	}
	b := nowhere.NewBody(true)
	if n, err := b.Write(source); n != 56*kib || !errors.Is(err, ErrDisk) || !errors.Is(err, os.ErrNotExist) { // chunks of 8, 16 and 32 KiB
		t.Errorf("without a file: %d, %v", n, err)
	}
	b.Close()
	empty(t, nowhere)
}

// Files of an earlier process go, and nothing else does. Files of this one have no
// name, however they are made.
func TestNoNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{leftover + "ABC", "other", "x-" + leftover} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("other", filepath.Join(dir, leftover+"link")); err != nil {
		t.Fatal(err)
	}
	for _, named := range []bool{false, true} {
		s := New(Config{Disk: 1 << 20, Max: 1 << 20, Dir: dir})
		s.named = named
		b := s.NewBody(true)
		if n, err := b.Write(pattern(100)); n != 100 || err != nil || s.Disk() != 100 {
			t.Errorf("%d, %v, %d on disk", n, err, s.Disk())
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 3 {
			t.Errorf("%v, %v are there", err, entries)
		}
		b.Close()
	}
}

func TestDirectory(t *testing.T) {
	for _, c := range [][3]string{{"/x", "/c", "/x"}, {"", "/c:/d", "/c"}, {"", "", "/var/tmp"}} {
		t.Setenv("CACHE_DIRECTORY", c[1])
		if got := directory(c[0]); got != c[2] {
			t.Errorf("of %q and %q: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

func BenchmarkBody(b *testing.B) {
	s := New(Config{Memory: 64 << 20, Disk: 1 << 30, Max: 1 << 30, Dir: b.TempDir()})
	p := pattern(6 * kib)
	b.ReportAllocs()
	for b.Loop() {
		body := s.NewBody(true)
		body.Commit(copy(body.Room(), p))
		body.End(nil)
		part, _ := body.Next()
		body.Skip(part.Length)
		body.Close()
	}
}
