package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/eventually"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// lease takes one that is expected to succeed as a call.
func lease(t *testing.T, s store, id thumb.ID, holder string, ttl time.Duration) thumb.Work {
	t.Helper()
	work, err := s.Lease(t.Context(), id, holder, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return work
}

// Every rule of leases, in front of PostgreSQL and of a pooler that gives each
// transaction another connection.
func TestLease(t *testing.T) {
	t.Parallel()
	for name, front := range map[string]func(testing.TB, string) store{
		"directly": func(t testing.TB, url string) store { return newStore(t, url) },
		"through pgbouncer": func(t testing.TB, url string) store {
			return newStore(t, testenv.Pgbouncer(t, url), pooled)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, app := migrated(t)
			s := front(t, url)
			work := lease(t, s, 2, "a", time.Minute)
			if !work.Held || work.HeldFor != 0 || !work.Capture.Public || !work.Capture.LastModified.Equal(noon) || len(work.Capture.Rows) != 2 {
				t.Errorf("a free lease gives %+v", work)
			}
			small := work.Capture.Row("small")
			if want := time.Date(2026, 6, 2, 0, 0, 0, 0, time.UTC); small == nil || !small.UpdatedAt.Equal(want) || small.Height != 127 || small.Size != 9000 {
				t.Errorf("row small is %+v", small)
			}
			if other := lease(t, s, 2, "b", time.Minute); other.Held || other.HeldFor <= 30*time.Second || other.HeldFor > time.Minute || len(other.Capture.Rows) != 2 {
				t.Errorf("another's lease gives %+v", other)
			}
			if again := lease(t, s, 2, "a", time.Hour); !again.Held {
				t.Error("the holder does not get its own lease")
			}
			if other := lease(t, s, 2, "b", time.Minute); other.Held || other.HeldFor <= time.Minute {
				t.Errorf("after it was taken again, for an hour, another sees %v left", other.HeldFor)
			}
			if other := lease(t, s, 3, "b", time.Minute); !other.Held {
				t.Error("another capture's lease is not free")
			}

			if held, err := s.Prolong(t.Context(), 2, "a", 2*time.Hour); err != nil || !held {
				t.Errorf("prolong: %t, %v", held, err)
			}
			if left := lease(t, s, 2, "b", time.Minute).HeldFor; left <= time.Hour {
				t.Errorf("prolonged to two hours, another sees %v left", left)
			}
			if held, err := s.Prolong(t.Context(), 2, "b", 2*time.Hour); err != nil || held {
				t.Errorf("prolonging another's: %t, %v", held, err)
			}
			if err := s.Release(t.Context(), 2, "b"); err != nil || lease(t, s, 2, "c", time.Minute).Held {
				t.Errorf("releasing another's lease works: %v", err)
			}
			if err := s.Release(t.Context(), 2, "a"); err != nil || !lease(t, s, 2, "b", time.Minute).Held {
				t.Errorf("a released lease is not free: %v", err)
			}

			// A holder that died: its lease lapses by the database's clock.
			exec(t, app, `UPDATE thumbedge.lease SET until = clock_timestamp() - interval '1 ms' WHERE capture_id = 2`)
			if !lease(t, s, 2, "c", time.Minute).Held {
				t.Error("a lapsed lease can't be taken")
			}
			if held, err := s.Prolong(t.Context(), 2, "b", time.Minute); err != nil || held {
				t.Errorf("the one that lost it prolongs it: %t, %v", held, err)
			}

			if _, err := s.Lease(t.Context(), 999, "a", time.Minute); !errors.Is(err, thumb.ErrUnknownCapture) {
				t.Errorf("an unknown capture: %v", err)
			}
			if n := ask[int](t, app, `SELECT count(*) FROM thumbedge.lease WHERE capture_id = 999`); n != 0 {
				t.Error("an unknown capture leaves a lease")
			}
			if work := lease(t, s, 10, "a", time.Minute); work.Capture.Public {
				t.Error("a draft's capture is public")
			}
		})
	}
}

func TestLeaseLapsesInTime(t *testing.T) {
	t.Parallel()
	url, _ := migrated(t)
	s := newStore(t, url)
	lease(t, s, 1, "dead", 50*time.Millisecond)
	eventually.Holds(t, "the lease lapses", func() bool { return lease(t, s, 1, "b", time.Minute).Held })
}

// Symptom: an original fetched twice by two replicas, one right after the other.
// Cause: a statement that waits for the lease, or begins just before the other
// replica commits, reads the rows as they were before it. Must hold: whoever gets
// the lease sees all that its last holder wrote.
func TestLeaseSeesWhatItsLastHolderWrote(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	for name, s := range map[string]store{
		"directly":          newStore(t, url),
		"through pgbouncer": newStore(t, testenv.Pgbouncer(t, url), pooled),
	} {
		exec(t, app, `INSERT INTO thumbedge.lease VALUES (1, 'first', clock_timestamp() + interval '1 hour')`)
		exec(t, app, `BEGIN;
			INSERT INTO main_sourceimagethumbnail (created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
				VALUES (now(), now(), 'thumbnails/capture_1/small_1.jpg', 'small', 240, 1, 1, '2026-06-01 12:00Z', 1);
			DELETE FROM thumbedge.lease WHERE capture_id = 1 AND holder = 'first'`)
		second := make(chan thumb.Work, 1)
		go func() {
			work, err := s.Lease(t.Context(), 1, "second", time.Minute)
			if err != nil {
				t.Error(err)
			}
			second <- work
		}()
		eventually.Holds(t, "the second replica waits for the lease", func() bool { return waiting(t, app) == 1 })
		exec(t, app, `COMMIT`)
		work := <-second
		if _, needed := work.NeedsRender(thumb.Spec{Label: "small", Width: 240}); !work.Held || needed {
			t.Errorf("%s: the second replica holds the lease: %t, and would render again: %t", name, work.Held, needed)
		}
		exec(t, app, `DELETE FROM thumbedge.lease; DELETE FROM main_sourceimagethumbnail WHERE source_image_id = 1`)
	}
}

// Of many replicas that ask at once, one gets the lease.
func TestLeaseIsOnesOnly(t *testing.T) {
	t.Parallel()
	url, _ := migrated(t)
	s := newStore(t, url)
	held := make(chan bool)
	const replicas = 12
	for i := range replicas {
		go func() { held <- lease(t, s, 1, string(rune('a'+i)), time.Minute).Held }()
	}
	winners := 0
	for range replicas {
		if <-held {
			winners++
		}
	}
	if winners != 1 {
		t.Errorf("%d replicas hold the lease, want 1", winners)
	}
}

// The capture goes between the taking of the lease and its commit: no lease stays.
func TestLeaseOfACaptureDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	exec(t, app, `INSERT INTO thumbedge.lease VALUES (1, 'first', clock_timestamp() + interval '1 hour')`)
	exec(t, app, `BEGIN; DELETE FROM thumbedge.lease; DELETE FROM main_sourceimage WHERE id = 1`)
	failed := make(chan error, 1)
	go func() {
		_, err := s.Lease(t.Context(), 1, "second", time.Minute)
		failed <- err
	}()
	eventually.Holds(t, "the second replica waits for the lease", func() bool { return waiting(t, app) == 1 })
	exec(t, app, `COMMIT`)
	if err := <-failed; !errors.Is(err, thumb.ErrUnknownCapture) {
		t.Errorf("the error is %v", err)
	}
	if n := ask[int](t, app, `SELECT count(*) FROM thumbedge.lease`); n != 0 {
		t.Error("a lease is left")
	}
}

// Every transaction is sent whole: what it is to lock, it has let go of when its one
// round trip is over, whatever becomes of the replica. And each sees what was
// committed before its statements, also for a role whose default is stricter.
func TestStricterRole(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	exec(t, app, fmt.Sprintf(`ALTER DATABASE %s SET default_transaction_isolation = 'serializable'`,
		pgx.Identifier{ask[string](t, app, `SELECT current_database()`)}.Sanitize()))
	s := newStore(t, url)
	exec(t, app, `INSERT INTO thumbedge.lease VALUES (2, 'first', clock_timestamp() + interval '1 hour')`)
	exec(t, app, `BEGIN; UPDATE main_sourceimagethumbnail SET path = 'thumbnails/capture_2/app.jpg' WHERE source_image_id = 2 AND label = 'small';
		DELETE FROM thumbedge.lease`)
	leased, upserted := make(chan thumb.Work), make(chan thumb.Upserted)
	go func() { leased <- lease(t, s, 2, "second", time.Minute) }()
	go func() { upserted <- upsert(t, s, 2, row("small", key(2, 1), 240, noon)) }()
	eventually.Holds(t, "both wait for the app", func() bool { return waiting(t, app) == 2 })
	exec(t, app, `COMMIT`)
	if work := <-leased; !work.Held || work.Capture.Row("small").Path == smallOf2 {
		t.Errorf("the lease is held: %t, and shows the rows of before: %+v", work.Held, work.Capture.Rows)
	}
	if up := <-upserted; !up.Won {
		t.Errorf("%+v", up)
	}
	if got := recorded(t, app); !slices.Equal(got, []string{"thumbnails/capture_2/app.jpg"}) {
		t.Errorf("recorded %v", got)
	}
}

func TestWhereTheOriginalLies(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	exec(t, app, `
		INSERT INTO main_s3storagesource (id, name, bucket, region, prefix, access_key, secret_key, endpoint_url, public_base_url) VALUES
			(1, 'keys', 'moths', 'eu-1', 'raw/', 'AK', 'SK', 'https://s3.example.org', NULL),
			(2, 'keys, blank base', 'moths', NULL, '', 'AK', 'SK', NULL, ''),
			(3, 'keys and base', 'moths', NULL, '', 'AK', 'SK', NULL, 'https://cdn.example.org/'),
			(4, 'no keys', 'moths', NULL, '', '', '', NULL, NULL),
			(5, 'half a key', 'moths', NULL, '', 'AK', '', NULL, NULL);
		INSERT INTO main_deployment (id, name, data_source_id) SELECT g, 'd', g FROM generate_series(1, 5) g;
		INSERT INTO main_deployment (id, name) VALUES (6, 'no data source');
		UPDATE main_sourceimage SET deployment_id = id WHERE id <= 6;
		UPDATE main_sourceimage SET public_base_url = NULL WHERE id = 6`)
	s := newStore(t, url)
	public := func(path string) thumb.Original {
		return thumb.Original{Path: path, PublicBaseURL: "https://example.org/"}
	}
	in := func(path string, b thumb.Bucket) thumb.Original {
		o := public(path)
		o.Bucket = &b
		return o
	}
	for id, want := range map[thumb.ID]thumb.Original{
		1: in("night/1.jpg", thumb.Bucket{Name: "moths", Region: "eu-1", Prefix: "raw/", AccessKey: "AK", SecretKey: "SK", EndpointURL: "https://s3.example.org"}),
		2: in("night/2.jpg", thumb.Bucket{Name: "moths", AccessKey: "AK", SecretKey: "SK"}),
		3: public("night/3.jpg"), 4: public("night/4.jpg"), 5: public("night/5.jpg"),
		6: {Path: "night/6.jpg"},
		7: public("night/7.jpg"), // of no deployment
	} {
		if diff := cmp.Diff(want, lease(t, s, id, "me", time.Minute).Original); diff != "" {
			t.Errorf("capture %d: %s", id, diff)
		}
	}
}

// The version of a row is the database's word, whatever this machine's clock says.
func TestNowIsTheDatabases(t *testing.T) {
	t.Parallel()
	url, app := migrated(t)
	s := newStore(t, url)
	exec(t, app, `UPDATE main_sourceimage SET last_modified = NULL WHERE id = 1`)
	before := ask[time.Time](t, app, `SELECT clock_timestamp()`)
	work := lease(t, s, 1, "me", time.Minute)
	after := ask[time.Time](t, app, `SELECT clock_timestamp()`)
	if work.Version().Before(before) || work.Version().After(after) {
		t.Errorf("version %v is not between %v and %v", work.Version(), before, after)
	}
	if work := lease(t, s, 2, "me", time.Minute); !work.Version().Equal(noon) {
		t.Errorf("version %v, want the capture's own", work.Version())
	}
}
