package rates

import (
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	t.Parallel()
	for text, per := range map[Rate]time.Duration{"20/s": 50 * time.Millisecond, "60/m": time.Second, "200/10s": 50 * time.Millisecond, "1/1h": time.Hour, "1/s": time.Second} {
		if err := text.Validate(); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		l, now := New(text), time.Now()
		burst := 0
		for ; burst < 1000; burst++ {
			wait, ok := l.Take(7, now)
			if ok {
				continue
			}
			if wait < per*99/100 || wait > per*101/100 {
				t.Errorf("%s: the wait is %s, want %s", text, wait, per)
			}
			break
		}
		if burst != l.burst {
			t.Errorf("%s: %d at once, want %d", text, burst, l.burst)
		}
		if _, ok := l.Take(8, now); !ok {
			t.Errorf("%s: another client waits for the first", text)
		}
		if _, ok := l.Take(7, now.Add(per*99/100)); ok {
			t.Errorf("%s: too soon", text)
		}
		if _, ok := l.Take(7, now.Add(per*101/100)); !ok {
			t.Errorf("%s: no token after %s", text, per)
		}
	}
	for _, text := range []Rate{"20", "/s", "0/s", "-1/s", "20/", "20/x", "20/0s", "20/s/s", "s/20", "20/-1s", "20/48h", "9999999/s", "1.5/s"} {
		if text.Validate() == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if New("") != nil || Rate("").Validate() != nil {
		t.Error(`"" is no limit`)
	}
}

// However many clients come, the table is bounded; one that keeps asking keeps its bucket.
func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	l, now := New("1/h"), time.Now()
	if _, ok := l.Take(0, now); !ok {
		t.Fatal("the first is refused")
	}
	for client := range uint64(5 * generationSize) {
		l.Take(client+1, now)
		if client%1000 == 0 {
			if _, ok := l.Take(0, now); ok {
				t.Fatalf("after %d others the client's bucket is forgotten", client)
			}
		}
	}
	if n := l.Clients(); n > 2*generationSize {
		t.Errorf("%d clients are known", n)
	}
}
