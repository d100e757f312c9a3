package migrations_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Many writers commit at once, some of what pages depend on and some of what they do not.
// PostgreSQL has the ones that notify commit one after another: none fails, each change
// that matters is heard, and no other.
func TestManyWritersAreAllHeard(t *testing.T) {
	t.Parallel()
	const writers, each = 12, 15
	n := newNotified(t)
	exec(t, n.app, fmt.Sprintf(`INSERT INTO main_sourceimage (id, path, project_id) SELECT g, 'p', 1 FROM generate_series(1000, %d) g`, 1000+writers*each))
	var writing sync.WaitGroup
	for w := range writers {
		conn := connect(t, n.url)
		writing.Go(func() {
			for i := range each {
				set := `last_modified = now()`
				if w%2 == 1 {
					set = `checksum = 'x', updated_at = now()`
				}
				if _, err := conn.Exec(t.Context(), `UPDATE main_sourceimage SET `+set+` WHERE id = $1`, 1000+w*each+i); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	writing.Wait()
	var want []string
	for w := 0; w < writers; w += 2 {
		for i := range each {
			want = append(want, fmt.Sprint(1000+w*each+i))
		}
	}
	if got := n.heard(t); got != strings.Join(want, " ") {
		t.Errorf("heard %q, want %q", got, want)
	}
}
