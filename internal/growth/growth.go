// Package growth tells how work grows with what it is done to. Tests use it for what is done
// under a lock that many share, or to the largest input, where it cannot be counted.
package growth

import "time"

const (
	rounds = 15
	steps  = 200 // in a round
	// fewRounds are for steps that take milliseconds, one of each in a round.
	fewRounds = 5
)

// Times returns how many times as long a step takes with the large one of two things as
// with the small one. Both are done in turn, in many rounds, and the fastest of each counts,
// so that nothing else on the machine does.
func Times(small, large func()) float64 { return times(rounds, steps, small, large) }

// TimesOfLong does the same for steps that take milliseconds.
func TimesOfLong(small, large func()) float64 { return times(fewRounds, 1, small, large) }

func times(rounds, steps int, small, large func()) float64 {
	took := [2]time.Duration{1 << 62, 1 << 62}
	for range rounds {
		for i, step := range [2]func(){small, large} {
			began := time.Now()
			for range steps {
				step()
			}
			took[i] = min(took[i], time.Since(began))
		}
	}
	return float64(took[1]) / float64(max(took[0], 1))
}
