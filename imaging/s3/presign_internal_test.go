package s3

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// bySDK signs as the SDK does.
func bySDK(t testing.TB, c aws.Credentials, a address, key, region string, at time.Time, life time.Duration) string {
	t.Helper()
	unsigned := string(thumb.AppendEscaped([]byte(a.base), key)) + "?X-Amz-Expires=" + strconv.Itoa(int(life/time.Second))
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, unsigned, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), c, req, "UNSIGNED-PAYLOAD", "s3", region, at,
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func FuzzSignatureIsTheSDKs(f *testing.F) {
	f.Add("AKIDEXAMPLE", "secret/key+", "", "uploads/", "thumbnails/capture_1/small_00000000000000ab.jpg", "eu-central-1", int64(1770000000), uint16(3600))
	f.Add("AK", "s", "session/token+==", "", "a b/ä?&=#%2F~.jpg", "us-east-1", int64(951782399), uint16(60))
	f.Fuzz(func(t *testing.T, id, secret, token, location, key, region string, unix int64, life uint16) {
		if id == "" || secret == "" || unix < 0 || unix > 4e9 {
			return
		}
		c := aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}
		at, lasting := time.Unix(unix, 0), time.Duration(life)*time.Second
		u := &url.URL{Scheme: "https", Host: "moths.s3.example:8443"}
		a := newAddress(u, location)
		got := newSignature(&c, region, a.host, at, lasting).append(thumb.AppendEscaped([]byte(a.base), key), a.path)
		if want := bySDK(t, c, a, key, region, at, lasting); string(got) != want {
			t.Errorf("signed\n%s, the SDK\n%s", got, want)
		}
	})
}

func BenchmarkPresignedURLBySDK(b *testing.B) {
	c := aws.Credentials{AccessKeyID: "AK", SecretAccessKey: "SK"}
	a := newAddress(&url.URL{Scheme: "https", Host: "moths.s3.us-east-1.amazonaws.com"}, "uploads/")
	b.ReportAllocs()
	for b.Loop() {
		bySDK(b, c, a, "thumbnails/capture_1/small_00000000000000ab.jpg", "us-east-1", time.Unix(1770000000, 0), time.Hour)
	}
}

func newPresigner(life time.Duration, c aws.Credentials) *presigner {
	p := &presigner{region: "us-east-1", host: "moths.example", life: life}
	p.credentials.Store(&c)
	return p
}

func (q *quantum) url() string { return string(q.signature.append([]byte("/key"), 0)) }

func TestPolledPageChangesOnlyWithTheQuantum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := aws.Credentials{AccessKeyID: "AK", SecretAccessKey: "SK"}
		p, replica := newPresigner(time.Hour, keys), newPresigner(time.Hour, keys)
		time.Sleep(7 * time.Minute) // away from the full hour
		changes, last := 0, p.quantum(time.Now()).url()
		for range 360 {
			time.Sleep(10 * time.Second)
			now := time.Now()
			q := p.quantum(now)
			if left := q.expires.Sub(now); left < 30*time.Minute || left > time.Hour {
				t.Fatalf("handed out with %v left", left)
			}
			if q.url() != replica.turn(&keys, now).url() {
				t.Fatal("two replicas hand out different URLs")
			}
			if q.url() != last {
				changes, last = changes+1, q.url()
			}
		}
		if changes != 2 {
			t.Errorf("the URL changed %d times in an hour, want 2", changes)
		}
	})
}

func TestURLsEndWithTheirCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(3*time.Hour + 500*time.Millisecond)
		p := newPresigner(time.Hour, aws.Credentials{AccessKeyID: "AK", SecretAccessKey: "SK", CanExpire: true, Expires: end})
		urls := map[string]bool{}
		for time.Now().Before(end.Add(-10 * time.Second)) {
			now := time.Now()
			q := p.quantum(now)
			if q == nil {
				t.Fatalf("no URL %v before the end", end.Sub(now))
			}
			from := time.Unix(0, q.from)
			if q.expires.After(end) {
				t.Fatalf("a URL outlives its credentials by %v", q.expires.Sub(end))
			}
			if life, left := q.expires.Sub(from), q.expires.Sub(now); left*2 < life || life <= 0 {
				t.Fatalf("handed out with %v of %v left", left, life)
			}
			urls[q.url()] = true
			time.Sleep(10 * time.Second)
		}
		if len(urls) > 20 {
			t.Errorf("%d different URLs in three hours", len(urls))
		}
		time.Sleep(11 * time.Second)
		if q := p.quantum(time.Now()); q != nil {
			t.Errorf("signed with credentials that have expired: %s", q.url())
		}
	})
}

func TestNewCredentialsAreUsedAtOnce(t *testing.T) {
	t.Parallel()
	p := newPresigner(time.Hour, aws.Credentials{AccessKeyID: "OLD", SecretAccessKey: "SK"})
	now := time.Unix(1770000000, 0)
	old := p.quantum(now).url()
	p.credentials.Store(&aws.Credentials{AccessKeyID: "NEW", SecretAccessKey: "SK"})
	if p.quantum(now).url() == old {
		t.Error("still signed with the old key")
	}
}

func TestClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	p := newPresigner(time.Hour, aws.Credentials{AccessKeyID: "AK", SecretAccessKey: "SK"})
	now := time.Unix(1770000000, 0)
	p.quantum(now)
	if q := p.quantum(now.Add(-time.Hour)); time.Unix(0, q.from).After(now.Add(-time.Hour)) {
		t.Error("signed for a moment in the future")
	}
}
