package postgres_test

import (
	"context"
	"flag"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/internal/warmmodel"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "replay the model test with this seed only")
	modelSteps = flag.Int("model.steps", 300, "steps of each run of the model test")
)

var modelSpecs = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}

// TestModel carries out random operations on a real database, with the triggers,
// the listener and the warm set as serve has them, and holds what pages are told
// against a simple model. Queries are slow at times, and the listener's link is cut,
// with a FIN and without.
func TestModel(t *testing.T) {
	t.Parallel()
	seeds := []uint64{*modelSeed}
	if *modelSeed == 0 {
		seeds = []uint64{rand.Uint64(), rand.Uint64(), rand.Uint64()}
	}
	for _, seed := range seeds {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			m := newModelled(t, seed)
			m.pages.Set(testenv.Fault{Type: "latency", Attributes: map[string]int{"latency": 15, "jitter": 15}})
			warmmodel.Run(t, m, warmmodel.Options{
				Seed: seed, Steps: *modelSteps, Specs: modelSpecs, Keys: "thumbnails/",
				TTLUnlistened: modelUnlistened, Connected: time.Second, Pause: 20 * time.Millisecond,
				Stalled: testenv.WatchStalls(t).Since,
			})
			if told, asked := m.told.Load(), m.asked.Load(); told < asked/5 {
				t.Errorf("seed %d: only %d of %d answers say anything: the run shows little", seed, told, asked)
			}
		})
	}
}

// modelUnlistened is above the 2 s after which a silent link counts as cut.
const modelUnlistened = 2200 * time.Millisecond

// modelled is the whole of it before a real database.
type modelled struct {
	*resolver.WarmSet
	t           *testing.T
	store       store
	app         *pgx.Conn           // writes, as the app does
	pages       *testenv.FaultyLink // of the pool
	link        *testenv.FaultyLink // of the listener
	rnd         *rand.Rand
	projects    map[bool]int64 // one that is public, one that is a draft; 0: there is none
	asked, told atomic.Int64
	notified    atomic.Int64
}

// Changed counts on its way what the listener tells.
func (m *modelled) Changed(ids []thumb.ID) {
	m.WarmSet.Changed(ids)
	m.notified.Add(1)
}

func newModelled(t *testing.T, seed uint64) *modelled {
	direct := testenv.Database(t)
	if err := migrate(t, direct, postgres.Antenna).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := &modelled{t: t, app: connect(t, direct), rnd: rand.New(rand.NewPCG(seed, 1)), projects: map[bool]int64{}}
	var through string
	m.pages, through = throughLink(t, direct)
	m.store = newStore(t, through)

	cfg := resolver.Defaults()
	cfg.Specs, cfg.TTLUnlistened, cfg.MaxSize = modelSpecs, modelUnlistened, resolver.MinSize
	var err error
	if m.WarmSet, err = resolver.New(cfg, resolver.Deps{Database: m.store, URLs: noURLs{}, Log: slog.New(slog.NewTextHandler(m.store.log, nil))}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	var listening string
	m.link, listening = throughLink(t, direct)
	listenInto(t, m, direct, m.store.log, func(cfg *postgres.Config) { cfg.ListenURL = listening })
	eventually.Holds(t, "notifications are heard", func() bool { return m.State().Connected })
	return m
}

// throughLink puts a link with faults before a database.
func throughLink(t *testing.T, databaseURL string) (*testenv.FaultyLink, string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	link := testenv.Toxiproxy(t, u.Host)
	u.Host = link.Address
	return link, u.String()
}

type noURLs struct{}

func (noURLs) StorageURLs() thumb.StorageURLs { return thumb.StorageURLs{Base: "/"} }

func (m *modelled) Page(ids []thumb.ID, answers []thumb.Known) error {
	err := m.Resolve(context.Background(), ids, answers)
	for _, a := range answers {
		m.asked.Add(1)
		if a.Standing != thumb.Unresolved {
			m.told.Add(1)
		}
	}
	return err
}

func (m *modelled) Write(captures []thumb.Capture) error {
	return m.transact(func(ctx context.Context, tx pgx.Tx) error {
		for i := range captures {
			if err := m.write(ctx, tx, &captures[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *modelled) write(ctx context.Context, tx pgx.Tx, c *thumb.Capture) error {
	project, err := m.project(ctx, tx, c.Public)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO main_sourceimage (id, path, last_modified, project_id) VALUES ($1, 'night.jpg', $2, $3)
		ON CONFLICT (id) DO UPDATE SET last_modified = $2, project_id = $3`, c.ID, c.LastModified, project); err != nil {
		return err
	}
	kept := []string{}
	for _, r := range c.Rows {
		kept = append(kept, r.Label)
		if _, err := tx.Exec(ctx, `INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
			VALUES (now(), now(), $1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (source_image_id, label) DO UPDATE SET path = $1, width = $3, last_modified = $6`,
			r.Path, r.Label, r.Width, r.Height, r.Size, r.LastModified, c.ID); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `DELETE FROM main_sourceimagethumbnail WHERE source_image_id = $1 AND label <> ALL ($2)`, c.ID, kept)
	return err
}

// project returns a project that is public, or a draft. A capture that nobody may
// see has none at all, at times.
func (m *modelled) project(ctx context.Context, tx pgx.Tx, public bool) (*int64, error) {
	if !public && m.rnd.IntN(3) == 0 {
		return nil, nil
	}
	id := m.projects[public]
	if id == 0 {
		if err := tx.QueryRow(ctx, `INSERT INTO main_project (name, draft) VALUES ('moths', $1) RETURNING id`, !public).Scan(&id); err != nil {
			return nil, err
		}
		m.projects[public] = id
	}
	return &id, nil
}

func (m *modelled) Flip(public bool) error {
	return m.transact(func(ctx context.Context, tx pgx.Tx) error {
		project, err := m.project(ctx, tx, public)
		if err != nil {
			return err
		}
		if project != nil {
			if _, err := tx.Exec(ctx, `UPDATE main_sourceimage SET project_id = $1 WHERE project_id IS NULL`, *project); err != nil {
				return err
			}
		}
		m.projects[!public] = 0
		_, err = tx.Exec(ctx, `UPDATE main_project SET draft = $1`, !public)
		return err
	})
}

func (m *modelled) Delete(id thumb.ID) error {
	return m.transact(func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM main_sourceimagethumbnail WHERE source_image_id = $1`, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM main_sourceimage WHERE id = $1`, id)
		return err
	})
}

// Render ends in what serve does when a thumbnail is stored.
func (m *modelled) Render(id thumb.ID, row thumb.Row) error {
	_, err := m.store.Upsert(context.Background(), id, []thumb.Row{row}, time.Hour)
	m.Forget(id)
	return err
}

func (m *modelled) transact(do func(context.Context, pgx.Tx) error) error {
	ctx := context.Background()
	return pgx.BeginFunc(ctx, m.app, func(tx pgx.Tx) error { return do(ctx, tx) })
}

// Cut ends the link with a FIN, or has it go silent.
func (m *modelled) Cut() {
	if m.rnd.IntN(2) == 0 {
		m.link.Down()
		return
	}
	m.link.Set(testenv.Fault{Type: "timeout", Attributes: map[string]int{"timeout": 0}},
		testenv.Fault{Type: "timeout", Stream: "upstream", Attributes: map[string]int{"timeout": 0}})
}

// Restore ends the silent connections first: what a link has swallowed does not come
// any more, and no real one goes on after it.
func (m *modelled) Restore() {
	m.link.Down()
	before := m.State().Generation
	m.link.Set()
	m.link.Up()
	eventually.Holds(m.t, "LISTEN has committed", func() bool { return m.State().Generation > before })
}
