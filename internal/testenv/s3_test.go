package testenv_test

import (
	"net/http"
	"testing"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

func TestAnybodyMayReadTheBucketAndNobodyElseMayWrite(t *testing.T) {
	t.Parallel()
	bucket := testenv.S3(t)
	for method, want := range map[string]int{http.MethodGet: http.StatusNotFound, http.MethodPut: http.StatusForbidden} {
		req, err := http.NewRequestWithContext(t.Context(), method, bucket.Endpoint+"/"+bucket.Name+"/key", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", method, resp.StatusCode, want)
		}
	}
	if other := testenv.S3(t); other.Name == bucket.Name {
		t.Errorf("two tests share bucket %s", other.Name)
	}
}
