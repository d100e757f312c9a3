package drive

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/internal/history"
)

// heal is the end of a history, when nothing is broken any more: everything that is
// asked for becomes warm on every replica, and files that no row names are gone or are
// recorded.
func (s *site) heal(ctx context.Context) (*history.Final, error) {
	s.exec(`UPDATE main_project SET draft = false WHERE draft`)
	final := &history.Final{}
	c := &client{site: s}
	deadline := time.Now().Add(healing)
	for _, r := range s.replicas {
		for {
			answer := c.page(r, "echo="+join(s.ids()))
			cold := s.askForCold(r, answer)
			if answer.Failed == "" && cold == 0 {
				final.Warm = append(final.Warm, answer.Shown...)
				break
			}
			if time.Now().After(deadline) {
				final.Problems = append(final.Problems, fmt.Sprintf("%s: %d labels stay cold; the last page: %s%s", answer.Replica, cold, answer.Failed, answer.Wrong))
				break
			}
			time.Sleep(100 * time.Millisecond) // as a page is polled
		}
	}
	return final, s.tidy(ctx, final)
}

// askForCold asks for all that a page shows cold, as a browser does, and returns how much
// that is.
func (s *site) askForCold(r *replica, page history.Answer) (cold int) {
	var asking errgroup.Group
	asking.SetLimit(6)
	c := &client{site: s}
	for _, shown := range page.Shown {
		if shown.Key != "" {
			continue
		}
		cold++
		asking.Go(func() error {
			c.thumbnail(r, shown.Capture, shown.Label)
			return nil
		})
	}
	_ = asking.Wait()
	return cold
}

// healing is how long everything may take to heal: a label that was rendered for another
// width is left alone for a minute.
const healing = 90 * time.Second

// tidy has reconcile look for files that nobody knows of, once they are old enough, and
// takes down what is there.
func (s *site) tidy(ctx context.Context, final *history.Final) error {
	time.Sleep(grace + time.Second) // the storage counts in whole seconds
	if out, err := s.command("reconcile", "--apply", "--force", "100000"); err != nil {
		final.Problems = append(final.Problems, fmt.Sprintf("reconcile: %v: %s", err, out))
	}
	rows, err := s.pool.Query(ctx, `SELECT path FROM thumbedge.file_to_delete`)
	if err != nil {
		return err
	}
	if final.Recorded, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	for _, key := range s.files.bucket.Keys(s, location+"thumbnails/capture_") {
		final.Files = append(final.Files, strings.TrimPrefix(key, location))
	}
	return nil
}
