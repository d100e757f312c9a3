package program_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/thumbedge/thumbedge/resolver"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// unheard changes the database without its triggers, as no app does: nothing but the
// operator makes thumbedge forget what was there before.
func (s *site) unheard(sql string, args ...any) {
	s.Helper()
	tx, err := s.pool.Begin(s.Context())
	if err == nil {
		defer func() { _ = tx.Rollback(context.Background()) }()
		_, err = tx.Exec(s.Context(), `SET LOCAL session_replication_role = replica`)
	}
	if err == nil {
		_, err = tx.Exec(s.Context(), sql, args...)
	}
	if err == nil {
		err = tx.Commit(s.Context())
	}
	if err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
}

// TestOperatorActsAtOnceUnderLoad: when DELETE and PUT return, the next page shows it,
// and the memory is within its new limit, however many pages are loaded meanwhile.
func TestOperatorActsAtOnceUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ids := s.captures(20)
	for _, id := range ids {
		s.row(id, "small", 240)
	}
	admin := "http://" + s.program.AdminAddr()
	loading, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	for range 4 {
		clients.Go(func() {
			for loading.Err() == nil {
				s.page(s.url, "limit=20")
			}
		})
	}
	remembered := func() {
		s.eventually("all captures are remembered", func() bool {
			for _, id := range ids {
				if _, held := s.program.WarmSet().Lookup(thumb.ID(id)); !held {
					return false
				}
			}
			return true
		})
	}
	for round := range 6 {
		path := fmt.Sprintf("thumbnails/capture_%d/round_%d.jpg", ids[0], round)
		remembered()
		s.unheard(`UPDATE main_sourceimagethumbnail SET path = $2 WHERE source_image_id = $1`, ids[0], path)
		if shown := s.shown(ids[0]); strings.Contains(shown, path) {
			t.Fatalf("%s shows unforgotten", path)
		}
		target := admin + "/cache"
		if round%2 == 0 {
			target += fmt.Sprintf("/captures/%d", ids[0])
		}
		if response, body := s.do(http.MethodDelete, target, nil); response.StatusCode >= 300 {
			t.Fatalf("DELETE %s: %s %s", target, response.Status, body)
		}
		if shown := s.shown(ids[0]); !strings.Contains(shown, path) {
			t.Errorf("after DELETE %s a page shows %s, want %s", target, shown, path)
		}
	}
	s.resizesUnderLoad(admin)
}

// resizesUnderLoad fills the warm set with what is not in the database, which takes
// no less room, and resizes it up and down.
func (s *site) resizesUnderLoad(admin string) {
	s.Helper()
	const many = 30_000
	filling, stop := context.WithCancel(s.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	for client := range 2 {
		clients.Go(func() {
			asked, answers := make([]thumb.ID, 500), make([]thumb.Known, 500)
			for n := client; filling.Err() == nil; n++ {
				for i := range asked {
					asked[i] = thumb.ID(1_000_000 + (n*500+i)%many)
				}
				_ = s.program.WarmSet().Resolve(filling, asked, answers)
			}
		})
	}
	for round := range 4 {
		size, text := int64(16<<20), "16MiB"
		if round%2 == 1 {
			size, text = resolver.MinSize, "2MiB"
		}
		s.eventually("the warm set is full", func() bool {
			state := s.program.WarmSet().State()
			return state.Used > state.MaxSize*3/4 || state.Captures > many*3/4
		})
		response, body := s.do(http.MethodPut, admin+"/cache", strings.NewReader(`{"max_size": "`+text+`"}`))
		var state resolver.State
		if err := json.Unmarshal(body, &state); err != nil || response.StatusCode != http.StatusOK {
			s.Fatalf("PUT: %s %s", response.Status, body)
		}
		if state.MaxSize != size || state.Used > size {
			s.Errorf("resized to %d, it uses %d of %d", size, state.Used, state.MaxSize)
		}
		if size == resolver.MinSize && state.Captures == 0 {
			s.Error("shrinking emptied it")
		}
	}
}
