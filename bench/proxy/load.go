package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"io"
)

// script has wrk ask for the pages in turn.
const script = `local path, n = "%s", 0
request = function()
  n = (n + 1) %% %d
  return wrk.format("GET", path .. "?page=" .. n, {["Host"] = "127.0.0.1:9000"})
end
`

// load runs wrk on a server and says what it cost.
func load(dir string, server *server, c contestant, d time.Duration) (sample, error) {
	pages, conns := pageCount, 16
	if c.wide {
		pages, conns = 500, 32
	}
	file := filepath.Join(dir, "load.lua")
	if err := os.WriteFile(file, fmt.Appendf(nil, script, c.path, pages), 0o644); err != nil {
		return sample{}, err
	}
	before, err := server.cpu()
	if err != nil {
		return sample{}, err
	}
	text, err := exec.Command("wrk", "-t1", "-c"+strconv.Itoa(conns), "-d"+strconv.Itoa(int(d.Seconds()))+"s", "--latency", "-s", file, "http://"+server.addr+"/").CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w: %s", err, text)
	}
	after, err := server.cpu()
	if err != nil {
		return sample{}, err
	}
	if strings.Contains(string(text), "Non-2xx") || strings.Contains(string(text), "Socket errors") {
		return sample{}, fmt.Errorf("wrk saw errors: %s", text)
	}
	requests, err := number(text, `(\d+) requests in`)
	if err != nil {
		return sample{}, err
	}
	s := sample{cpu: float64((after - before).Microseconds()) / requests, resident: server.resident()}
	if s.rate, err = number(text, `Requests/sec:\s+([\d.]+)`); err != nil {
		return sample{}, err
	}
	if s.p50, err = wrkTime(text, "50%"); err != nil {
		return sample{}, err
	}
	s.p99, err = wrkTime(text, "99%")
	return s, err
}

func number(text []byte, pattern string) (float64, error) {
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("wrk did not print %s: %s", pattern, text)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

func wrkTime(text []byte, share string) (time.Duration, error) {
	found := regexp.MustCompile(share + `\s+([\d.]+)(us|ms|s)`).FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("wrk did not print %s: %s", share, text)
	}
	return time.ParseDuration(string(found[1]) + string(found[2]))
}

// latency of a paced load.
type latency struct {
	p50, p99 time.Duration
	answers  int
}

// pace asks for pages at a steady rate, whether the answers are fast or not, and
// measures from the moment that a request was due.
func pace(addr, path string, rate float64, d time.Duration) (latency, error) {
	const conns = 32
	every := time.Duration(float64(conns) / rate * float64(time.Second))
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var all sync.WaitGroup
	start := time.Now()
	for n := range conns {
		all.Go(func() {
			mine, err := pacedConn(addr, path, n, start.Add(every*time.Duration(n)/conns), every, start.Add(d))
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			if err != nil {
				failed = err
			}
		})
	}
	all.Wait()
	if failed != nil || len(took) == 0 {
		return latency{}, fmt.Errorf("paced load on %s: %d answers, %w", addr, len(took), failed)
	}
	slices.Sort(took)
	return latency{took[len(took)/2], took[len(took)*99/100], len(took)}, nil
}

func pacedConn(addr, path string, page int, due time.Time, every time.Duration, end time.Time) (took []time.Duration, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	br := bufio.NewReaderSize(conn, 128<<10)
	for ; due.Before(end); due = due.Add(every) {
		time.Sleep(time.Until(due))
		page = (page + 7) % pageCount
		if _, err := fmt.Fprintf(conn, "GET %s?page=%d HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n\r\n", path, page); err != nil {
			return took, err
		}
		answer, err := http.ReadResponse(br, nil)
		if err != nil {
			return took, err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return took, err
		}
		took = append(took, time.Since(due))
	}
	return took, nil
}
