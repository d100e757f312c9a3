package drive

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/internal/history"
)

// auditSQL has every change of what matters recorded in the transaction that makes it,
// with who made it. The server notes when each transaction commits
// (track_commit_timestamp), which gives the order of commits.
const auditSQL = `
CREATE SCHEMA history;
CREATE TABLE history.change (
	seq bigserial PRIMARY KEY, xid xid NOT NULL DEFAULT pg_current_xact_id()::xid,
	by text NOT NULL DEFAULT current_setting('application_name'), kind text NOT NULL, old jsonb, new jsonb
);
CREATE FUNCTION history.record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO history.change (kind, old, new) VALUES (TG_ARGV[0], to_jsonb(OLD), to_jsonb(NEW));
	RETURN NULL;
END $$;
CREATE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON main_sourceimagethumbnail FOR EACH ROW EXECUTE FUNCTION history.record('row');
CREATE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON thumbedge.private_thumbnail FOR EACH ROW EXECUTE FUNCTION history.record('private row');
CREATE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON main_sourceimage FOR EACH ROW EXECUTE FUNCTION history.record('capture');
CREATE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON main_project FOR EACH ROW EXECUTE FUNCTION history.record('project');
CREATE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON thumbedge.lease FOR EACH ROW EXECUTE FUNCTION history.record('lease');`

const changesSQL = `SELECT seq, pg_xact_commit_timestamp(xid), by, kind, old, new FROM history.change`

// change is a row of the audit.
type change struct {
	Seq      int64
	At       time.Time
	By, Kind string
	Old, New []byte
}

// record is a row of any audited table: each has some of these.
type record struct {
	ID           int64      `json:"id"`
	Capture      int64      `json:"source_image_id"`
	Label        string     `json:"label"`
	Path         string     `json:"path"`
	Width        int        `json:"width"`
	LastModified *time.Time `json:"last_modified"`
	Project      int64      `json:"project_id"`
	Draft        bool       `json:"draft"`
	LeaseOn      int64      `json:"capture_id"`
	Holder       string     `json:"holder"`
	Until        time.Time  `json:"until"`
}

func (i *record) version() int64 {
	if i.LastModified == nil {
		return 0
	}
	return i.LastModified.UnixMicro()
}

// addChanges adds all changes that are committed by now to a history.
func addChanges(ctx context.Context, pool *pgxpool.Pool, r *recorder, h *history.History) error {
	rows, err := pool.Query(ctx, changesSQL)
	if err != nil {
		return fmt.Errorf("reading the changes: %w", err)
	}
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[change])
	if err != nil {
		return fmt.Errorf("reading the changes: %w", err)
	}
	slices.SortFunc(changes, func(a, b change) int {
		if order := a.At.Compare(b.At); order != 0 {
			return order
		}
		return int(a.Seq - b.Seq)
	})
	for _, c := range changes {
		var old, now *record
		for _, side := range []struct {
			text []byte
			into **record
		}{{c.Old, &old}, {c.New, &now}} {
			if side.text == nil {
				continue
			}
			*side.into = new(record)
			if err := json.Unmarshal(side.text, *side.into); err != nil {
				return fmt.Errorf("reading a change: %w: %s", err, side.text)
			}
		}
		addChange(h, r, c, old, now)
	}
	return nil
}

func addChange(h *history.History, r *recorder, c change, old, now *record) {
	at, some := r.at(c.At), now
	if some == nil {
		some = old
	}
	switch c.Kind {
	case "row":
		h.Rows = append(h.Rows, history.RowChange{At: at, By: c.By, Capture: some.Capture, Label: some.Label, Old: rowOf(old, ""), New: rowOf(now, "")})
	case "private row":
		h.Rows = append(h.Rows, history.RowChange{
			At: at, By: c.By, Capture: some.Capture, Label: some.Label, Private: true,
			Old: rowOf(old, history.PrivateFile), New: rowOf(now, history.PrivateFile),
		})
	case "capture":
		h.Captures = append(h.Captures, history.CaptureChange{At: at, Capture: some.ID, Old: captureOf(old), New: captureOf(now)})
	case "project":
		h.Projects = append(h.Projects, history.ProjectChange{At: at, Project: some.ID, Public: now != nil && !now.Draft})
	case "lease":
		h.Leases = append(h.Leases, history.LeaseChange{At: at, By: c.By, Capture: some.LeaseOn, Old: leaseOf(r, old), New: leaseOf(r, now)})
	}
}

func rowOf(i *record, storage string) *history.Row {
	if i == nil {
		return nil
	}
	return &history.Row{Path: storage + i.Path, Width: i.Width, Version: i.version()}
}

func captureOf(i *record) *history.Capture {
	if i == nil {
		return nil
	}
	return &history.Capture{Version: i.version(), Project: i.Project}
}

func leaseOf(r *recorder, i *record) *history.Lease {
	if i == nil {
		return nil
	}
	return &history.Lease{Holder: i.Holder, Until: r.at(i.Until)}
}
