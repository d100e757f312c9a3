package program_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thumbedge/thumbedge/imaging/s3"
	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// allWarm is a database in which every capture is public and has the label small.
type allWarm struct{}

func (allWarm) Captures(_ context.Context, ids []thumb.ID) ([]thumb.Capture, error) {
	captures := make([]thumb.Capture, len(ids))
	for i, id := range ids {
		path := string(thumb.Keys("thumbnails/").Append(nil, id, "small", 7))
		captures[i] = thumb.Capture{ID: id, Public: true, Rows: []thumb.Row{{Label: "small", Path: path, Width: 240}}}
	}
	return captures, nil
}

// TestSignedPagePolledForAnHour: on a fake clock, the storage URLs of a page that is
// polled every 10 s change when the quantum turns, all together, and at no other time,
// whatever the warm set forgets and reads again; each has half of its life left.
func TestSignedPagePolledForAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := s3.Defaults()
		cfg.Bucket, cfg.Region, cfg.AccessKey, cfg.SecretKey, cfg.Presign = "moths", "us-east-1", "AK", "SK", time.Hour
		storage, err := s3.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer storage.Close()
		warm := resolver.Defaults()
		warm.Specs = thumb.Specs{{Label: "small", Width: 240}}
		w, err := resolver.New(warm, resolver.Deps{Database: allWarm{}, URLs: storage})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		ids, answers := make([]thumb.ID, 20), make([]thumb.Known, 20)
		for i := range ids {
			ids[i] = thumb.ID(i + 1)
		}
		var last []byte
		var turns []time.Duration
		time.Sleep(7 * time.Minute) // the quantum does not turn at the hour of the first page
		for start := time.Now(); time.Since(start) < time.Hour; time.Sleep(10 * time.Second) {
			if err := w.Resolve(t.Context(), ids, answers); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			var page []byte
			for i := range ids {
				var expires time.Time
				page, expires = w.AppendURL(page, ids[i], &answers[i], 0)
				if left := time.Until(expires); left < cfg.Presign/2 {
					t.Fatalf("a URL has %v of %v left", left, cfg.Presign)
				}
			}
			if last != nil && !bytes.Equal(page, last) {
				turns = append(turns, time.Since(start))
			}
			last = page
		}
		// Half a life apart.
		if len(turns) != 2 || turns[1]-turns[0] != cfg.Presign/2 {
			t.Errorf("the page changed at %v", turns)
		}
	})
}
