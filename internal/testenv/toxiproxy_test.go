package testenv_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/internal/testenv"
)

func TestFaultsComeAndGo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 4000))
	}))
	defer server.Close()
	link := testenv.Toxiproxy(t, server.Listener.Addr().String())
	fetch := func() error {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get("http://" + link.Address)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		return err
	}
	expect := func(what string, works bool) {
		t.Helper()
		if err := fetch(); (err == nil) != works {
			t.Errorf("%s: %v", what, err)
		}
	}
	expect("without a fault", true)
	link.Set(testenv.Fault{Type: "limit_data", Attributes: map[string]int{"bytes": 1000}})
	expect("cut off after 1000 bytes", false)
	link.Set(testenv.Fault{Type: "reset_peer", Attributes: map[string]int{"timeout": 0}})
	expect("reset", false)
	link.Set()
	expect("healed", true)
	link.Down()
	expect("down", false)
	link.Up()
	expect("up again", true)
}
