package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// listPrefix begins the name of every list that is remembered.
const listPrefix = "reconcile_list_"

// list is what would go of one kind. A portion of it is a value of its own in schema
// thumbedge, so that a million of them take no memory here and outlive a kill.
type list struct {
	Name     string `json:"name"`
	Portions int    `json:"portions"` // kept
	Removed  int    `json:"removed"`  // portions that were gone through
	Done     int64  `json:"done"`     // candidates in those
}

// candidate is one row or file that would go.
type candidate struct {
	Row  int64  `json:"row,omitempty"` // primary key
	Path string `json:"path"`
	Size int64  `json:"size,omitempty"`
}

func (l *list) portion(number int) string { return fmt.Sprintf("%s%s_%d", listPrefix, l.Name, number) }

// beginLists drops the lists of an earlier run, and makes sure that there is something
// to keep new ones in.
func (r *run) beginLists(ctx context.Context) error {
	if err := r.db.Unremember(ctx, r.name(listPrefix)); err != nil {
		return err
	}
	if err := r.save(ctx); err != nil {
		return err
	}
	saved, err := r.db.Remembered(ctx, r.name(position))
	if err == nil && saved == nil {
		err = errors.New("--apply keeps what it has found in schema thumbedge until it has looked at everything: run thumbedge migrate up first")
	}
	return err
}

// keep adds a portion to a list. A run that is killed before its position is saved
// writes the same portion again.
func (r *run) keep(ctx context.Context, l *list, found []candidate) error {
	if !r.Apply || len(found) == 0 {
		return nil
	}
	if err := r.remember(ctx, r.name(l.portion(l.Portions)), found); err != nil {
		return err
	}
	l.Portions++
	return nil
}

// goThrough removes what a list holds, a portion at a time, and has count take note of
// what was removed.
func (r *run) goThrough(ctx context.Context, l *list, total int64, remove func(context.Context, candidate) (bool, error), count func(candidate)) error {
	for l.Removed < l.Portions {
		r.tell(Progress{Phase: r.Phase, Done: l.Done, Total: total})
		saved, err := r.db.Remembered(ctx, r.name(l.portion(l.Removed)))
		if err != nil {
			return err
		}
		var found []candidate
		if err := json.Unmarshal(saved, &found); err != nil {
			return fmt.Errorf("reading what was found (--restart looks again): %w", err)
		}
		removed, err := filter(ctx, found, remove)
		if err != nil {
			return err
		}
		for _, c := range removed {
			count(c)
		}
		l.Removed++
		l.Done += int64(len(found))
		if err := r.save(ctx); err != nil {
			return err
		}
	}
	r.tell(Progress{Phase: r.Phase, Done: l.Done, Total: total})
	return nil
}
