package s3

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Credentials that expire are renewed beside the requests, outlive a failure of
// whoever gives them out, and are asked for no more after the end.
func TestCredentialsAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, issued := 0, aws.Credentials{}
		issue := func(id string) {
			issued = aws.Credentials{AccessKeyID: id, SecretAccessKey: "SK", CanExpire: true, Expires: time.Now().Add(time.Hour)}
		}
		issue("FIRST")
		p := newPresigner(time.Hour, issued)
		var failure error
		provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			asked++
			return issued, failure
		})
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
		failure = errors.New("metadata service is down")
		issue("SECOND")
		using("FIRST")
		failure = nil
		using("SECOND")
		stop()
		<-ended
		before := asked
		time.Sleep(time.Hour)
		if asked != before {
			t.Error("asked after the end")
		}
	})
}
