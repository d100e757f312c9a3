// Command crowd measures what other visitors notice of one client that asks for the worst
// page without pause: 60,000 captures of nothing but thumbnails, all warm, 11.6 MiB of the
// 16 MiB that rewrite.max_body lets be rewritten.
// Beside it, in turn: nobody; the same bytes from a path that is not rewritten; and nginx,
// before the same app, which passes that page on. What nginx's other visitors notice is
// what this machine allows at all: its cores are shared by the app, the proxy and those who
// ask. It prints Markdown.
//
//	go run ./bench/crowd
//
// The app, thumbedge, nginx, PostgreSQL and the greedy client are processes of their own.
// The app sends the large page by sendfile, and the greedy client has the kernel throw
// away what it gets, as neither is on the proxy's machine in life. What others notice while
// renders take the CPU is measured by bench/cold.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/child"
	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/sampleapp"
	"github.com/thumbedge/thumbedge/migrations"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// captures are how many the worst page has: 180,000 route URLs.
const captures = 60_000

func main() {
	rounds := flag.Int("rounds", 7, "windows of each kind, in turn")
	window := flag.Duration("window", 3*time.Second, "length of each")
	only := flag.String("only", "", "only the kinds whose name holds this, and those that they are compared to")
	var p part
	flag.IntVar(&p.connections, "greedy", 1, "connections of the client that asks for the worst page")
	flag.StringVar(&p.name, "part", "", "run as one of the parts (internal)")
	flag.StringVar(&p.dir, "dir", "", "(internal)")
	flag.StringVar(&p.database, "database", "", "(internal)")
	flag.StringVar(&p.app, "app", "", "(internal)")
	flag.StringVar(&p.at, "at", "", "(internal)")
	flag.StringVar(&p.target, "target", "", "(internal)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if p.name != "" {
		err = p.run(ctx)
	} else {
		err = measure(ctx, options{*rounds, p.connections, *window, *only})
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/crowd:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds, greedy int
	window         time.Duration
	only           string
}

const (
	worst     = "/api/v2/captures/?largest"
	elsewhere = "/elsewhere/?largest"
)

// kind is one thing to measure.
type kind struct {
	name, through string
	target        string // what the greedy client asks for; "": there is none
}

// kinds begin, for each way, with the one that the others are compared to.
var kinds = []kind{
	{"nobody else", "nginx", ""},
	{"the largest page", "nginx", worst},
	{"nobody else", "thumbedge", ""},
	{"the same bytes, not rewritten", "thumbedge", elsewhere},
	{"the worst page", "thumbedge", worst},
}

// place is what is measured.
type place struct {
	options
	dir   string
	ways  map[string]string // addresses, by what kinds go through
	waits [][]time.Duration // by kind
	pages []int             // that the greedy client got
	each  [][]float64       // p99 against the same round's idle
}

func measure(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "te-crowd-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder to the server's user: %w", err)
	}
	server, err := postgresd.Start(ctx, postgresd.Config{Dir: filepath.Join(dir, "pg"), Settings: []string{"fsync=off"}})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	if err := fill(ctx, server.URL("postgres")); err != nil {
		return err
	}
	app, appAt, err := (&part{name: "app", dir: dir}).start(ctx)
	if err != nil {
		return err
	}
	defer app.End()
	edge, edgeAt, err := (&part{name: "thumbedge", dir: dir, database: server.URL("postgres"), app: "http://" + appAt}).start(ctx)
	if err != nil {
		return err
	}
	defer edge.End()
	nginxAt, err := child.FreeAddress()
	if err != nil {
		return err
	}
	untouched, err := nginx(filepath.Join(dir, "nginx"), appAt, nginxAt).Start(ctx, nginxAt)
	if err != nil {
		return err
	}
	defer untouched.End()
	if err := warmUp(ctx, edgeAt); err != nil {
		return err
	}
	p := &place{
		options: o, dir: dir, ways: map[string]string{"thumbedge": edgeAt, "nginx": nginxAt},
		waits: make([][]time.Duration, len(kinds)), pages: make([]int, len(kinds)), each: make([][]float64, len(kinds)),
	}
	for range o.rounds {
		if err := p.round(ctx); err != nil {
			return err
		}
	}
	p.report()
	return nil
}

// round has a window of each kind.
func (p *place) round(ctx context.Context) error {
	var idle time.Duration
	for i, kind := range kinds {
		if kind.target != "" && !strings.Contains(kind.name, p.only) {
			continue
		}
		took, pages, err := p.look(ctx, kind)
		if err != nil {
			return err
		}
		p.waits[i], p.pages[i] = append(p.waits[i], took...), p.pages[i]+pages
		slices.Sort(took)
		if kind.target == "" {
			idle = at(took, 0.99)
		}
		p.each[i] = append(p.each[i], float64(at(took, 0.99))/float64(idle))
	}
	return nil
}

// look has visitors ask for pages beside the greedy client of a kind.
func (p *place) look(ctx context.Context, kind kind) (waits []time.Duration, pages int, err error) {
	address := p.ways[kind.through]
	if kind.target == "" {
		waits, err = visitors(ctx, address, p.window)
		return waits, 0, err
	}
	greedy, _, err := (&part{name: "greedy", at: address, target: kind.target, connections: p.greedy}).start(ctx)
	if err != nil {
		return nil, 0, err
	}
	waits, err = visitors(ctx, address, p.window)
	greedy.End()
	if err != nil {
		return nil, 0, err
	}
	said, err := greedy.Line()
	if err != nil {
		return nil, 0, err
	}
	pages, err = strconv.Atoi(said)
	return waits, pages, err
}

func (p *place) report() {
	fmt.Printf("Pages of 40 captures every %v, %d windows of %v of each kind in turn; the worst page has %d captures.\n\n", pace, p.rounds, p.window, captures)
	fmt.Println("| through | meanwhile another client asks for | its pages | median | p99 | p99 / idle p99 (all; median, lowest and highest round) | to reach |\n|---|---|---:|---:|---:|---|---|")
	var idle time.Duration
	for i, kind := range kinds {
		waits, each := p.waits[i], p.each[i]
		if len(waits) == 0 {
			continue
		}
		slices.Sort(waits)
		slices.Sort(each)
		if kind.target == "" {
			idle = at(waits, 0.99)
		}
		reach := ""
		if kind.through == "thumbedge" && kind.target == worst {
			reach = "≤ 2, or nginx's"
		}
		fmt.Printf("| %s | %s | %d | %v | %v | %.1f (%.1f; %.1f–%.1f) | %s |\n", kind.through, kind.name, p.pages[i],
			at(waits, 0.5).Round(10*time.Microsecond), at(waits, 0.99).Round(10*time.Microsecond),
			float64(at(waits, 0.99))/float64(idle), each[len(each)/2], each[0], each[len(each)-1], reach)
	}
}

func at(sorted []time.Duration, share float64) time.Duration {
	return sorted[int(share*float64(len(sorted)-1))]
}

func fill(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sampleapp.Schema+sampleapp.Defaults); err != nil {
		return fmt.Errorf("making the app's tables: %w", err)
	}
	m, err := migrations.New(url, migrations.Names(postgres.Antenna), nil)
	if err != nil {
		return err
	}
	if err := m.Up(ctx); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`
		SET session_replication_role = replica;
		INSERT INTO main_project (id, name, draft) VALUES (1, 'public', false);
		INSERT INTO main_sourceimage (id, path, project_id) SELECT g, 'o.jpg', 1 FROM generate_series(1, %d) g;
		INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, source_image_id)
			SELECT now(), now(), format('thumbnails/capture_%%s/%%s_%%s.jpg', g, label, lpad(to_hex(g), 16, '0')), label, width, 100, 0, g
			FROM generate_series(1, %[1]d) g, (VALUES ('small', 240), ('medium', 1024), ('large', 2560)) AS spec (label, width);
		SET session_replication_role = DEFAULT;
		ANALYZE`, captures))
	if err != nil {
		return fmt.Errorf("filling the tables: %w", err)
	}
	return nil
}
