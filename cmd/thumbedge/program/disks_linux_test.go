package program_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// coldAnswers asks for two labels of each capture at once, and counts the answers: kept
// ones by a redirect to a whole file, pictures that could not be kept, and others.
func (s *site) coldAnswers(ids []int64) (kept, unkept, others int) {
	s.Helper()
	var mu sync.Mutex
	var clients sync.WaitGroup
	for _, id := range ids {
		for _, label := range []string{"small", "medium"} {
			clients.Go(func() {
				response, body := s.get(s.route(id, "?label="+label))
				if response.StatusCode == http.StatusFound {
					body = s.fetch(response.Header.Get("Location"))
				}
				mu.Lock()
				defer mu.Unlock()
				switch response.StatusCode {
				case http.StatusFound:
					kept++
				case http.StatusOK:
					unkept++
				default:
					others++
					return
				}
				if _, err := jpeg.Decode(bytes.NewReader(body)); err != nil {
					s.Errorf("capture %d, %s: %s with a picture that is not whole: %v", id, label, response.Status, err)
				}
			})
		}
	}
	clients.Wait()
	return kept, unkept, others
}

// rowsHaveFiles says that each row names a file of just its size below root, which is a
// whole picture.
func (s *site) rowsHaveFiles(root string) (rows int) {
	s.Helper()
	found, err := s.pool.Query(context.Background(), `SELECT path, size FROM main_sourceimagethumbnail`)
	if err != nil {
		s.Fatal(err)
	}
	defer found.Close()
	for ; found.Next(); rows++ {
		var path string
		var size int
		if err := found.Scan(&path, &size); err != nil {
			s.Fatal(err)
		}
		file, err := os.ReadFile(filepath.Join(root, path))
		if err == nil {
			_, err = jpeg.Decode(bytes.NewReader(file))
		}
		if err != nil || len(file) != size {
			s.Errorf("the row of %s has %d bytes, its file %d: %v", path, size, len(file), err)
		}
	}
	return rows
}

// pageIsRight says that the page has every capture, and that each thumbnail on it that
// is a file is there.
func (s *site) pageIsRight(captures int) (warm int) {
	s.Helper()
	all := s.thumbnailsOf(s.page(s.url, "limit=1000"))
	if len(all) != captures {
		s.Errorf("the page has %d captures, want %d", len(all), captures)
	}
	for _, labels := range all {
		for _, url := range labels {
			if !strings.Contains(url, "/captures/thumbnails/") {
				warm++
				s.fetch(url)
			}
		}
	}
	return warm
}

// allWarm waits until everything is as if nothing had been.
func (s *site) allWarm(ids []int64) {
	s.Helper()
	s.eventually("every thumbnail is kept again", func() bool {
		kept, _, _ := s.coldAnswers(ids)
		return kept == 2*len(ids)
	})
	s.eventually("and is on the page", func() bool { return s.pageIsRight(len(ids)) == 2*len(ids) })
}

// uploadsTo has the app of a site take uploads, and answer what it got.
func uploadsTo(s *site) {
	target, err := url.Parse(s.appURL)
	if err != nil {
		s.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(target)
	pass.ErrorLog = nil
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/upload" {
			pass.ServeHTTP(w, r)
			return
		}
		sum := sha256.New()
		_, _ = io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%x", sum.Sum(nil))
	}))
	s.Cleanup(app.Close)
	s.file.Upstream.URL = app.URL
}

// uploads sends so many bytes, and says whether the app got them.
func (s *site) uploads(size int) bool {
	s.Helper()
	body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	response, got := s.do(http.MethodPost, s.url+"/upload", bytes.NewReader(body))
	return response.StatusCode == http.StatusOK && string(got) == fmt.Sprintf("%x", sha256.Sum256(body))
}

func quickToTryAgain(f *config.File) {
	f.Source.RetryAfter, f.Render.MaxWait = time.Second, 2*time.Second
}

func patientWithRenders(f *config.File) { f.Render.MaxWait = 4 * time.Minute }

// The disk of the storage and of spooled bodies fills up while thumbnails are made:
// clients get them all the same, no row is written without its whole file, and bodies
// reach the app.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if !testenv.Alone(t) {
		return
	}
	disk := testenv.SmallDisk(t, "8m")
	s := newSite(t, uploadsTo, with(quickToTryAgain), with(patientWithRenders), with(func(f *config.File) {
		f.Storage.Root, f.Upstream.SpoolDir, f.Upstream.SpoolMemory = disk, disk, 64<<10
	}))
	ids := s.captures(30)
	giveBack := testenv.Fill(t, disk, 200<<10)
	kept, unkept, others := s.coldAnswers(ids)
	if unkept == 0 || others > 0 {
		t.Errorf("on a full disk %d thumbnails were kept, %d given all the same, %d not", kept, unkept, others)
	}
	rows := s.rowsHaveFiles(disk)
	if warm := s.pageIsRight(len(ids)); warm != rows || rows < kept {
		t.Errorf("%d are kept, the database has %d rows, and %d are on the page", kept, rows, warm)
	}
	if !s.uploads(4 << 20) {
		t.Error("an upload did not reach the app as it was sent")
	}
	giveBack()
	s.allWarm(ids)
	s.rowsHaveFiles(disk)
}

// The disk of the storage and of spooled bodies stands still. Clients once waited for it
// for minutes. They get pictures that are made, pages are as always, and no row is
// written; only who needs the disk waits for it.
func TestDiskThatStandsStill(t *testing.T) {
	t.Parallel()
	if !testenv.Alone(t) {
		return
	}
	s := newSite(t, uploadsTo, with(quickToTryAgain), with(func(f *config.File) {
		f.Upstream.SpoolDir, f.Upstream.SpoolMemory = t.TempDir(), 64<<10
	}))
	ids := s.captures(12)
	s.coldAnswers(ids[:2])
	disk := testenv.InterceptDisk(t)
	disk.StandStill()
	uploaded := make(chan bool)
	go func() { uploaded <- s.uploads(4 << 20) }()
	kept, unkept, others := s.coldAnswers(ids[2:])
	if kept > 0 || unkept == 0 {
		t.Errorf("while the disk stood still %d thumbnails were kept, %d given all the same, %d not", kept, unkept, others)
	}
	if warm := s.pageIsRight(len(ids)); warm != 4 {
		t.Errorf("%d thumbnails are on the page, want 4", warm)
	}
	if rows := s.rowsHaveFiles(s.file.Storage.Root); rows != 4 {
		t.Errorf("%d rows, want 4", rows)
	}
	if !s.uploads(4 << 10) {
		t.Error("a small upload did not reach the app")
	}
	select {
	case <-uploaded:
		t.Error("the large upload did not need the disk: it stood still for nothing")
	default:
	}
	t.Logf("%d calls waited for the disk; %d thumbnails were given, %d not", disk.Stopped(), unkept, others)
	disk.GoOn()
	if !<-uploaded {
		t.Error("the upload did not reach the app as it was sent")
	}
	s.allWarm(ids)
	s.rowsHaveFiles(s.file.Storage.Root)
}

// The disk stands still under the files that the proxy serves itself. Each client once
// waited for it, with a thread of the process: it ends at 10,000. They are answered in
// time, pages are as always, and with the disk files are.
func TestReadsThatStandStill(t *testing.T) {
	t.Parallel()
	if !testenv.Alone(t) {
		return
	}
	s := newSite(t, with(quickToTryAgain))
	ids := s.captures(3)
	s.coldAnswers(ids)
	var files []string
	for _, labels := range s.thumbnailsOf(s.page(s.url, "limit=1000")) {
		files = append(files, labels["small"], labels["medium"])
	}
	root, err := filepath.EvalSymlinks(s.file.Storage.Root)
	if err != nil {
		t.Fatal(err)
	}
	disk := testenv.InterceptReads(t, root)
	reads := func(times int, otherwise int) (whole int64) {
		var clients sync.WaitGroup
		var given atomic.Int64
		for range times {
			for _, file := range files {
				clients.Go(func() {
					response, body := s.get(file)
					if _, err := jpeg.Decode(bytes.NewReader(body)); err == nil && response.StatusCode == http.StatusOK {
						given.Add(1)
					} else if response.StatusCode != otherwise {
						t.Errorf("%s is %s", file, response.Status)
					}
				})
			}
		}
		clients.Wait()
		return given.Load()
	}
	if whole := reads(2, 0); whole != int64(2*len(files)) {
		t.Fatalf("%d files of %d are given", whole, 2*len(files))
	}
	disk.StandStill()
	answered := make(chan int64)
	go func() { answered <- reads(5, http.StatusServiceUnavailable) }()
	s.eventually("the disk is asked", func() bool { return disk.Stopped() > 0 })
	for range 5 {
		response, _ := s.get(s.url + "/api/v2/captures/?limit=1000")
		if response.StatusCode != http.StatusOK {
			t.Errorf("the page is %s", response.Status)
		}
	}
	if whole := <-answered; whole > 0 {
		t.Errorf("%d files were given while the disk stood still", whole)
	}
	t.Logf("%d calls waited for the disk", disk.Stopped())
	disk.GoOn()
	s.eventually("files are given again", func() bool { return reads(1, http.StatusServiceUnavailable) == int64(len(files)) })
	s.allWarm(ids)
}
