package proxy

import (
	"slices"
	"testing"
	"testing/synctest"
)

// Large pages that wait are let in client by client: one that asks for many waits for
// itself.
func TestTurnsGoRoundTheClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1)
		forever := func(turn <-chan struct{}) bool { <-turn; return true }
		if !turns.enter(9, forever) {
			t.Fatal("the first does not get in")
		}
		var order []uint64
		for _, client := range []uint64{1, 1, 1, 2, 1, 3, 2} {
			go func() {
				turns.enter(client, forever)
				order = append(order, client)
			}()
			synctest.Wait()
		}
		for range 7 {
			turns.leave()
			synctest.Wait()
		}
		if want := []uint64{1, 2, 3, 1, 2, 1, 1}; !slices.Equal(order, want) {
			t.Errorf("let in %v, want %v", order, want)
		}
		if turns.leave(); turns.free != 1 || turns.waiting != 0 {
			t.Errorf("%d turns are free, %d pages wait", turns.free, turns.waiting)
		}
	})
}

// One that stops waiting is not let in, and keeps nobody's turn: also where it was its own
// at that moment.
func TestTurnsGivenUp(t *testing.T) {
	t.Parallel()
	turns := newTurns(1)
	turns.enter(1, nil)
	if turns.enter(2, func(<-chan struct{}) bool { return false }) {
		t.Error("it got in without a turn")
	}
	late := turns.enter(3, func(turn <-chan struct{}) bool {
		turns.leave()
		<-turn
		return false // it had stopped waiting before it saw that
	})
	if !late {
		t.Error("a turn that came at the last moment is nobody's")
	}
	if turns.leave(); turns.free != 1 || turns.waiting != 0 {
		t.Errorf("%d turns are free, %d pages wait", turns.free, turns.waiting)
	}
}
