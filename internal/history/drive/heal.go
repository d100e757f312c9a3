package drive

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/thumbedge/thumbedge/internal/history"
)

// heal is the end of a history, when nothing is broken any more: everything that is
// asked for becomes warm on every replica, drafts for their members first, lists are kept
// again, and files that no row names are gone or are recorded.
func (s *site) heal(ctx context.Context) (*history.Final, error) {
	s.exec(`UPDATE main_project SET draft = id = 3`)
	final := &history.Final{}
	drafts, err := s.idsOf(ctx, `project_id = 3`)
	if err != nil {
		return nil, err
	}
	for _, r := range s.replicas {
		s.warmUp(r, final, func(c *client) ([]history.Shown, string) { return c.seeDrafts(r, drafts) })
	}
	s.exec(`UPDATE main_project SET draft = false WHERE draft`)
	for _, r := range s.replicas {
		s.warmUp(r, final, func(c *client) ([]history.Shown, string) {
			page := c.page(r, "echo="+join(s.ids()))
			return s.askForCold(r, page), page.Failed + page.Wrong
		})
		s.warmUp(r, final, func(c *client) ([]history.Shown, string) {
			if list := c.list(r, "12", "kept"); list.Written >= list.Start {
				return nil, "the app is asked for each"
			}
			return nil, ""
		})
	}
	return final, s.tidy(ctx, final)
}

// idsOf returns captures of which something is true.
func (s *site) idsOf(ctx context.Context, what string) ([]int64, error) {
	rows, err := s.pool.Query(ctx, `SELECT id FROM main_sourceimage WHERE `+what+` ORDER BY id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// warmUp has a replica looked at until all that is shown is warm.
func (s *site) warmUp(r *replica, final *history.Final, look func(c *client) (shown []history.Shown, wrong string)) {
	deadline := time.Now().Add(healing)
	for {
		shown, wrong := look(&client{site: s})
		cold := 0
		for _, one := range shown {
			if one.Key == "" {
				cold++
			}
		}
		if wrong == "" && cold == 0 {
			final.Warm = append(final.Warm, shown...)
			return
		}
		if time.Now().After(deadline) {
			name, _ := r.present()
			final.Problems = append(final.Problems, fmt.Sprintf("%s: %d labels stay cold; the last page: %s", name, cold, wrong))
			return
		}
		time.Sleep(100 * time.Millisecond) // as a page is polled
	}
}

// askForCold asks for all that a page shows cold, as a browser does, and returns what the
// page shows of the labels that every replica has.
func (s *site) askForCold(r *replica, page history.Answer) (shown []history.Shown) {
	var asking errgroup.Group
	asking.SetLimit(6)
	c := &client{site: s}
	for _, one := range page.Shown {
		if usualWidths[one.Label] == 0 {
			continue
		}
		shown = append(shown, one)
		if one.Key == "" {
			asking.Go(func() error {
				c.thumbnail(r, one.Capture, one.Label)
				return nil
			})
		}
	}
	_ = asking.Wait()
	return shown
}

// seeDrafts asks for a member's page of drafts, and for all that is signed on it, and
// returns what those answers show: of each label that every replica has something.
func (c *client) seeDrafts(r *replica, drafts []int64) (shown []history.Shown, wrong string) {
	if len(drafts) == 0 {
		return nil, ""
	}
	page, signed := c.membersPage(r, drafts)
	if wrong = page.Failed + page.Wrong; wrong != "" {
		return nil, wrong
	}
	if want := len(drafts) * len(usualWidths); len(signed) < want {
		return nil, fmt.Sprintf("%d labels of drafts are signed, want %d", len(signed), want)
	}
	shown = make([]history.Shown, len(signed))
	var asking errgroup.Group
	asking.SetLimit(6)
	for i, target := range signed {
		asking.Go(func() error {
			if answer := c.signedThumbnail(r, target, true); len(answer.Shown) > 0 {
				shown[i] = answer.Shown[0]
			}
			return nil
		})
	}
	_ = asking.Wait()
	return shown, ""
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
	rows, err := s.pool.Query(ctx, `SELECT path FROM thumbedge.file_to_delete UNION ALL SELECT $1 || path FROM thumbedge.private_file_to_delete`, history.PrivateFile)
	if err != nil {
		return err
	}
	if final.Recorded, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	final.Files = s.files.keys(s)
	return nil
}
