package s3

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Credentials that expire are renewed beside the requests, outlive a failure of
// whoever gives them out, and are asked for no more after the end.
func TestCredentialsAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expiring := func(id string) *aws.Credentials {
			return &aws.Credentials{AccessKeyID: id, SecretAccessKey: "SK", CanExpire: true, Expires: time.Now().Add(time.Hour)}
		}
		var asked atomic.Int64
		var issued atomic.Pointer[aws.Credentials] // nil: nobody answers
		provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			asked.Add(1)
			if c := issued.Load(); c != nil {
				return *c, nil
			}
			return aws.Credentials{}, errors.New("metadata service is down")
		})
		issued.Store(expiring("FIRST"))
		p := newPresigner(time.Hour, *issued.Load())
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.refresh(ctx, provider, time.Second, slog.New(slog.DiscardHandler))
		}()
		using := func(want string) {
			t.Helper()
			time.Sleep(refreshEvery + time.Second)
			synctest.Wait()
			if id := p.quantum(time.Now()).credentials.AccessKeyID; id != want {
				t.Errorf("signed with %s, want %s", id, want)
			}
		}
		using("FIRST")
		issued.Store(nil)
		using("FIRST")
		issued.Store(expiring("SECOND"))
		using("SECOND")
		stop()
		<-ended
		before := asked.Load()
		time.Sleep(time.Hour)
		if asked.Load() != before {
			t.Error("asked after the end")
		}
	})
}
