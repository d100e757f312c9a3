package postgres_test

import (
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// TestAnswerReadBeforeANotificationIsNotKept: the database has answered a query, and
// the answer is on its way for long; meanwhile the row changes, and the notification
// comes first. The page that waited may show the old answer, nobody else may.
func TestAnswerReadBeforeANotificationIsNotKept(t *testing.T) {
	t.Parallel()
	m := newModelled(t, 1)
	old := thumb.Row{Label: "small", Width: 240, Height: 1, Size: 1, Path: key(1, 1), LastModified: noon}
	if err := m.Write([]thumb.Capture{{ID: 1, Public: true, LastModified: noon, Rows: []thumb.Row{old}}}); err != nil {
		t.Fatal(err)
	}
	asked := func() (answer thumb.Known, err error) {
		answers := make([]thumb.Known, 1)
		err = m.Resolve(t.Context(), []thumb.ID{1}, answers)
		return answers[0], err
	}
	eventually.Holds(t, "connections and statements are made", func() bool {
		_, err := asked()
		return err == nil
	})
	come := 0 // how often things came in the order that matters
	for digits := uint64(2); come < 3; digits++ {
		if digits > 30 {
			t.Fatal("the notification never came before the answer")
		}
		m.Clear()
		m.pages.Set(testenv.Fault{Type: "latency", Attributes: map[string]int{"latency": 500}})
		begun := time.Now()
		go func() { _, _ = asked() }()
		eventually.Holds(t, "the database has answered", func() bool {
			return ask[bool](t, m.app, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
				AND query LIKE '%main_sourceimagethumbnail%' AND state = 'idle' AND state_change >= $1)`, begun)
		})
		changed := old
		changed.Path = key(1, digits)
		before := m.notified.Load()
		exec(t, m.app, `UPDATE main_sourceimagethumbnail SET path = $1 WHERE source_image_id = 1`, changed.Path)
		eventually.Holds(t, "the notification has come", func() bool { return m.notified.Load() > before })
		if m.State().Queries == 1 {
			come++
		}
		eventually.Holds(t, "the answer has come", func() bool { return m.State().Queries == 0 })
		m.pages.Set()
		if entry, held := m.Lookup(1); held && entry.Labels[0].Path != changed.Path {
			t.Errorf("the old answer is kept: %+v", entry)
		}
		if answer, err := asked(); err == nil && answer.Digits[0] != digits {
			t.Errorf("a later page shows %d, want %d", answer.Digits[0], digits)
		}
	}
}
