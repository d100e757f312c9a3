package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/resolver/postgres"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// panicky is a tracer that panics where it is told to, inside pgx: before a
// statement is sent, in the middle of a batch's answers, or at its end.
type panicky struct{ where string }

func (p *panicky) at(where string) {
	if p.where == where {
		panic("a bug " + where)
	}
}

func (p *panicky) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	p.at("before a statement")
	return ctx
}

func (p *panicky) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {
	p.at("after a statement")
}

func (p *panicky) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	p.at("before a batch")
	return ctx
}

func (p *panicky) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	p.at("between a batch's answers")
}

func (p *panicky) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {
	p.at("after a batch")
}

// A panic gives its connection back, wherever it comes, and is a panic and no
// outage: else sixteen requests for one odd capture took the database from all.
func TestAPanicCostsNoConnection(t *testing.T) {
	t.Parallel()
	url, _ := migrated(t)
	tracer := new(panicky)
	s := tracedStore(t, url, tracer, func(cfg *postgres.Config) { cfg.MaxConns = 2 })
	operations := map[string]func() error{
		"captures": func() error { _, err := s.Captures(t.Context(), []thumb.ID{2}); return err },
		"original": func() error { _, err := s.Original(t.Context(), 2); return err },
		"upsert": func() error {
			_, err := s.Upsert(t.Context(), 2, []thumb.Row{row("small", key(2, 7), 240, noon)}, time.Hour)
			return err
		},
		"lease": func() error { _, err := s.Lease(t.Context(), 2, "me", time.Minute); return err },
		"rows":  func() error { _, err := s.Rows(t.Context(), 0, 10); return err },
	}
	for _, where := range []string{"before a statement", "after a statement", "before a batch", "between a batch's answers", "after a batch"} {
		for name, operation := range operations {
			if strings.Contains(where, "batch") != (name == "lease") {
				continue
			}
			tracer.where = where
			for range 5 {
				err := operation()
				if !errors.Is(err, thumb.ErrInternal) || errors.Is(err, thumb.ErrDatabase) {
					t.Errorf("%s: a panic %s gives %v", name, where, err)
				}
			}
			tracer.where = ""
			eventually.Holds(t, name+" has given back its connections after panics "+where, func() bool {
				return s.pool.Stat().AcquiredConns() == 0
			})
			if err := operation(); err != nil {
				t.Errorf("%s: after panics %s: %v", name, where, err)
			}
			if n := s.metric("thumbedge_database_panics_total", name); n == 0 {
				t.Errorf("%s: the panics are not counted", name)
			}
		}
	}
	if s.metric("thumbedge_database_failures_total", "captures") != 0 {
		t.Error("panics count as failures of the database")
	}
	if !strings.Contains(s.log.String(), "a bug before a statement") || !strings.Contains(s.log.String(), "panics_test.go") {
		t.Error("the log lacks the panic, or its stack")
	}
}
