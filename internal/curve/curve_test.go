package curve

import "testing"

// shares makes a curve of 64 MiB.
func shares(pages int64, of ...float64) Curve {
	c := Curve{Lookups: pages}
	for i, times := range []float64{1. / 16, 1. / 8, 1. / 4, 3. / 8, 1. / 2, 3. / 4, 1, 1.5, 2, 3, 4, 8} {
		c.Sizes = append(c.Sizes, Size{Times: times, MaxSize: int64(times * (64 << 20)), Lookups: of[i]})
	}
	return c
}

func TestCurveAdvises(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		curve Curve
		want  string
	}{
		{shares(999, make([]float64, 12)...), "Too few pages so far to say: 999 of 1000."},
		{shares(9999, .1, .3, .5, .6, .7, .8, .91, .912, .914, .914, .914, .914),
			"At 64 MiB 91 % of pages need no query; 128 MiB would make it 91.4 %: keep it."},
		{shares(9999, .1, .2, .3, .4, .5, .6, .7, .75, .8, .88, .89, .89),
			"At 64 MiB 70 % of pages need no query; 192 MiB would make it 88 %: enlarge it."},
		{shares(9999, .1, .3, .8, .9, .908, .909, .91, .91, .91, .91, .91, .91),
			"At 64 MiB 91 % of pages need no query; 32 MiB would make it 90.8 %: that would do, too."},
	} {
		if got := c.curve.Advice(2<<20, "pages", "need no query"); got != c.want {
			t.Errorf("it says  %s\nshould be %s", got, c.want)
		}
	}
}
