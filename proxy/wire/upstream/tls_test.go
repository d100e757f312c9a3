package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/thumbedge/thumbedge/internal/eventually"
)

// tlsApp serves connections by TLS, and returns its place.
func tlsApp(t *testing.T, serve func(*tls.Conn)) *App {
	t.Helper()
	known := httptest.NewUnstartedServer(nil) // for its certificate, which is for example.com
	known.StartTLS()
	t.Cleanup(known.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: known.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(conn.(*tls.Conn))
		}
	}()
	app, err := New(Config{URL: "https://" + ln.Addr().String(), CAFile: ca, ServerName: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// Bytes go both ways as they are; each side's end reaches the other, which may go on; and
// nothing stays behind.
func TestTLSCarriesBothWays(t *testing.T) {
	before := runtime.NumGoroutine()
	sent := bytes.Repeat([]byte("0123456789"), 200_000)
	app := tlsApp(t, func(conn *tls.Conn) {
		defer conn.Close()
		data, _ := io.ReadAll(conn)
		_, _ = conn.Write(data)
	})
	for range 3 {
		conn, err := app.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = conn.Write(sent)
			_ = conn.CloseWrite()
		}()
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes came back, %v", len(got), err)
		}
		conn.Close()
	}
	silent := tlsApp(t, func(conn *tls.Conn) { _, _ = io.Copy(io.Discard, conn); conn.Close() })
	conn, err := silent.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close() // while the app is silent
	eventually.Holds(t, "every goroutine of the connections has ended", func() bool { return runtime.NumGoroutine() <= before+4 })
}

// A connection that was cut in the middle does not look like one that the app has ended.
func TestCutTLSIsNoEnd(t *testing.T) {
	t.Parallel()
	for cut, want := range map[bool]error{true: io.ErrUnexpectedEOF, false: nil} {
		app := tlsApp(t, func(conn *tls.Conn) {
			_, _ = io.ReadFull(conn, make([]byte, 1))
			_, _ = conn.Write([]byte("half"))
			if cut {
				_, _ = conn.NetConn().Write([]byte{23, 3, 3, 0, 99}) // a record that does not go on
				_ = conn.NetConn().Close()
			}
			_ = conn.Close()
		})
		conn, err := app.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("x"))
		if got, err := io.ReadAll(conn); string(got) != "half" || !errors.Is(err, want) {
			t.Errorf("cut: %v: %q, %v", cut, got, err)
		}
		conn.Close()
	}
}

// A certificate that is another's, or that nobody known signed, is no connection.
func TestTLSChecksTheCertificate(t *testing.T) {
	t.Parallel()
	app := tlsApp(t, func(conn *tls.Conn) { _ = conn.Handshake(); _ = conn.Close() })
	named, unknown := *app, *app
	named.tls, unknown.tls = app.tls.Clone(), app.tls.Clone()
	named.tls.ServerName, unknown.tls.RootCAs = "other.example.org", nil
	for want, a := range map[string]*App{"not other.example.org": &named, "unknown authority": &unknown} {
		if _, err := a.Connect(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
}

// A handshake takes no longer than connecting may.
func TestTLSHandshakeIsBounded(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	app, err := New(Config{URL: "https://" + ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := app.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
