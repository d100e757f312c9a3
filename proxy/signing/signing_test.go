package signing_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/proxy/signing"
)

const (
	site   = "TESTSITE26CHARACTERSLONGXX"
	oldKey = "old-old-old-old-old-old-old-old-"
	newKey = "new-new-new-new-new-new-new-new-"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func newSigner(t testing.TB, site string, keys ...string) *signing.Signer {
	t.Helper()
	s, err := signing.New(signing.Config{Keys: keys, Lifetime: time.Hour}, site)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var seven = signing.Permission{ID: 7, Label: "small", Project: 3}

// target is the URL's path and query that a page shows.
func target(s *signing.Signer, p signing.Permission, now time.Time) string {
	return string(s.Append(fmt.Appendf(nil, "/thumbnails/%d/?label=%s&", p.ID, p.Label), p, s.Expiry(now)))
}

func verifies(s *signing.Signer, target string, p signing.Permission, now time.Time) bool {
	_, sig := signing.Take([]byte(target))
	return sig != nil && s.Verify(sig, p, now)
}

// The states that are computed before give the HMAC that RFC 2104 describes, over exactly
// this message.
func TestSignatureIsAnHMAC(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{oldKey, strings.Repeat(newKey, 3)} {
		s := newSigner(t, site, secret)
		expiry := s.Expiry(noon)
		const version = "thumbedge private thumbnail 1"
		message := append([]byte{0, byte(len(version))}, version...)
		message = append(append(message, 0, byte(len(site))), site...)
		message = append(message, make([]byte, 64-len(message))...)
		for _, n := range []int64{7, expiry, 3} {
			message = binary.BigEndian.AppendUint64(message, uint64(n))
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(append(message, "small"...))
		want := fmt.Sprintf("expires=%d&signature=%s", expiry, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
		if got := string(s.Append(nil, seven, expiry)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A signature is worth nothing for anything but what it was made for.
func TestSignatureIsForOneThing(t *testing.T) {
	t.Parallel()
	s := newSigner(t, site, oldKey)
	good := target(s, seven, noon)
	if !verifies(s, good, seven, noon) {
		t.Fatal("the right one does not verify")
	}
	for name, p := range map[string]signing.Permission{
		"another capture":                  {ID: 8, Label: "small", Project: 3},
		"another label":                    {ID: 7, Label: "medium", Project: 3},
		"a label that goes on":             {ID: 7, Label: "small2", Project: 3},
		"no label":                         {ID: 7, Project: 3},
		"another project":                  {ID: 7, Label: "small", Project: 4},
		"no project":                       {ID: 7, Label: "small"},
		"capture and project in turn":      {ID: 3, Label: "small", Project: 7},
		"a capture of the same low 32 bit": {ID: 7 + 1<<32, Label: "small", Project: 3},
	} {
		if verifies(s, good, p, noon) {
			t.Errorf("it is taken for %s", name)
		}
	}
	for name, other := range map[string]*signing.Signer{
		"another site with the same key":           newSigner(t, "OTHERSITE", oldKey),
		"a site whose name goes on":                newSigner(t, site+"X", oldKey),
		"another key":                              newSigner(t, site, newKey),
		"a key with something after it":            newSigner(t, site, oldKey+"x"),
		"a key that is the old one and zeros more": newSigner(t, site, oldKey+"x\x00"),
	} {
		if verifies(other, good, seven, noon) {
			t.Errorf("%s takes it", name)
		}
	}
	last := s.Expiry(noon)
	if !verifies(s, good, seven, time.Unix(last-1, 999)) || verifies(s, good, seven, time.Unix(last, 0)) {
		t.Error("it does not end at its expiry")
	}
}

// A change of any single byte of what was signed, or of the signature, makes it none.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	s := newSigner(t, site, oldKey)
	good := target(s, seven, noon)
	from := strings.Index(good, "expires=")
	for i := from; i < len(good); i++ {
		for _, c := range []byte{'A', '0', '1', '_', '-', '=', '&', '%', 'a'} {
			bad := good[:i] + string(c) + good[i+1:]
			if bad != good && verifies(s, bad, seven, noon) {
				t.Errorf("%s is taken", bad)
			}
		}
	}
}

// A page that is polled stays the same, and what it gets lives half a lifetime at least.
func TestExpiryIsQuantised(t *testing.T) {
	t.Parallel()
	s := newSigner(t, site, oldKey)
	changes := 0
	last := s.Expiry(noon)
	for at := noon; at.Before(noon.Add(3 * time.Hour)); at = at.Add(time.Second) {
		expiry := s.Expiry(at)
		if left := time.Unix(expiry, 0).Sub(at); left < 30*time.Minute || left > time.Hour {
			t.Fatalf("at %v it has %v left", at, left)
		}
		if expiry != last {
			changes++
		}
		last = expiry
	}
	if changes != 5 {
		t.Errorf("it changed %d times in three hours less a second, want 5", changes)
	}
}

// Two replicas are reconfigured one after the other, with clocks that differ: at each
// step of the rotation what either signs the other takes, for as long as it lives.
func TestRotation(t *testing.T) {
	t.Parallel()
	steps := [][]string{{oldKey}, {oldKey, newKey}, {newKey, oldKey}, {newKey}}
	for i := range len(steps) - 1 {
		mixes := [][2][]string{{steps[i], steps[i]}, {steps[i+1], steps[i]}, {steps[i], steps[i+1]}, {steps[i+1], steps[i+1]}}
		for _, mix := range mixes {
			// The old key is dropped a lifetime after nobody signs with it: what is left then
			// is signed with the new one.
			for _, apart := range []time.Duration{-5 * time.Second, 0, 5 * time.Second} {
				one, other := newSigner(t, site, mix[0]...), newSigner(t, site, mix[1]...)
				for at := noon; at.Before(noon.Add(31 * time.Minute)); at = at.Add(7 * time.Second) {
					shown := target(one, seven, at)
					for _, later := range []time.Duration{0, 29 * time.Minute} {
						if now := at.Add(apart).Add(later); !verifies(other, shown, seven, now) || !verifies(one, shown, seven, at.Add(later)) {
							t.Fatalf("keys %q and %q, %v apart, %v later: not taken", mix[0], mix[1], apart, later)
						}
					}
				}
			}
		}
	}
	if verifies(newSigner(t, site, newKey), target(newSigner(t, site, oldKey), seven, noon), seven, noon) {
		t.Error("a key that was dropped still works")
	}
}

func TestKeyIDs(t *testing.T) {
	t.Parallel()
	ids := signing.Config{Keys: []string{oldKey, newKey}}.KeyIDs()
	if len(ids) != 2 || ids[0] == ids[1] || len(ids[0]) != 8 || newSigner(t, site, oldKey).KeyID() != ids[0] {
		t.Errorf("ids %q", ids)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	short := "too-short-a-secret"
	err := signing.Config{Keys: []string{oldKey, short, oldKey}, Lifetime: time.Second}.Validate()
	for _, want := range []string{"key 2 has 18 bytes", "key 3 is there twice", "signing.lifetime"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), short) || strings.Contains(err.Error(), oldKey) {
		t.Errorf("a key is shown: %v", err)
	}
	if err := signing.Defaults().Validate(); err != nil {
		t.Error(err)
	}
	for _, cfg := range []signing.Config{signing.Defaults(), {Keys: []string{short}, Lifetime: time.Hour}} {
		if _, err := signing.New(cfg, site); err == nil {
			t.Errorf("%v is taken", cfg)
		}
	}
	if _, err := signing.New(signing.Config{Keys: []string{oldKey}, Lifetime: time.Hour}, ""); err == nil {
		t.Error("a site without an identity signs")
	}
}

// BenchmarkAppend shows beside a signature what it can't take less than: the two blocks of
// SHA-256 that depend on what is signed.
func BenchmarkAppend(b *testing.B) {
	b.Run("signature", func(b *testing.B) {
		s, p, dst := newSigner(b, site, newKey, oldKey), seven, make([]byte, 0, 128)
		b.ReportAllocs()
		for b.Loop() {
			p.Project++
			dst = s.Append(dst[:0], p, 1790000000)
		}
	})
	b.Run("its two blocks alone", func(b *testing.B) {
		h, block := sha256.New(), make([]byte, sha256.BlockSize)
		for b.Loop() {
			h.Write(block)
			h.Write(block)
		}
	})
}
