// Package check tries a configuration and each real part that it names (Run), and looks
// at a site through its public address as browsers see it (Via). Neither changes
// anything that stays, and both are safe beside a running proxy.
package check

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/resolver/postgres"
)

// Finding is what was found of one part: a fact, or what is wrong.
type Finding struct {
	Part string
	Fact string
	Err  error // nil: the part works
	// Degraded: thumbedge works without, as Fact says.
	Degraded bool
	// Unknown: not looked at, since what it lies in does not work.
	Unknown bool
}

// partLimit bounds the look at one part.
const partLimit = 10 * time.Second

// Run tries each real part in turn with a configuration and tells each as it
// goes: the app, the database with its tables and triggers, the storage by a put, a
// get and a delete, the listeners. It changes nothing that stays.
func Run(ctx context.Context, file *config.File, tell func(Finding)) {
	failed := map[string]bool{}
	for _, part := range []struct {
		name, within string
		look         func(context.Context, *config.File) (string, error)
	}{
		{"app", "", lookAtApp},
		{"database", "", lookAtDatabase},
		{"tables", "database", lookAtTables},
		{"triggers", "database", lookAtTriggers},
		{"storage", "", lookAtStorage},
		{"listener", "", lookAtListeners},
	} {
		if failed[part.within] {
			tell(Finding{Part: part.name, Unknown: true, Fact: "not looked at: the " + part.within + " does not answer"})
			continue
		}
		limited, cancel := context.WithTimeout(ctx, partLimit)
		fact, err := part.look(limited, file)
		cancel()
		finding := Finding{Part: part.name, Fact: fact, Err: err}
		var d degradedError
		if errors.As(err, &d) {
			finding.Err, finding.Degraded, finding.Fact = nil, true, d.Error()
		}
		failed[part.name] = finding.Err != nil
		tell(finding)
	}
}

// degradedError is what thumbedge works without.
type degradedError struct{ error }

func lookAtApp(ctx context.Context, file *config.File) (string, error) {
	url := strings.TrimSuffix(file.Upstream.URL, "/") + file.Rewrite.Paths[0]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("upstream.url: %w", err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	start := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("upstream.url %s does not answer: %w", file.Upstream.URL, err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 500 {
		return "", fmt.Errorf("%s answers %s", url, response.Status)
	}
	return fmt.Sprintf("%s answers %d after %d ms", url, response.StatusCode, time.Since(start).Milliseconds()), nil
}

func lookAtDatabase(ctx context.Context, file *config.File) (string, error) {
	pool, err := postgres.Open(file.Postgres(), nil)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	var version, user, database string
	if err := pool.QueryRow(ctx, "SELECT current_setting('server_version'), current_user, current_database()").
		Scan(&version, &user, &database); err != nil {
		return "", fmt.Errorf("database.url does not work: %w", err)
	}
	return fmt.Sprintf("PostgreSQL %s, database %s as %s", version, database, user), nil
}

// withStore calls look with the database's part, made for this one look.
func withStore(file *config.File, look func(*pgxpool.Pool, *postgres.Store) error) error {
	cfg := file.Postgres()
	pool, err := postgres.Open(cfg, nil)
	if err != nil {
		return err
	}
	defer pool.Close()
	store, err := postgres.New(cfg, pool, slog.New(slog.DiscardHandler), postgres.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		return err
	}
	return look(pool, store)
}

func lookAtTables(ctx context.Context, file *config.File) (fact string, err error) {
	err = withStore(file, func(_ *pgxpool.Pool, store *postgres.Store) error {
		if err := store.CheckTables(ctx); err != nil {
			return fmt.Errorf("the app's tables are not as expected: %w", err)
		}
		fact = "the app's tables can be read, and rows of thumbnails written"
		return nil
	})
	return fact, err
}

func lookAtTriggers(ctx context.Context, file *config.File) (fact string, err error) {
	err = withStore(file, func(_ *pgxpool.Pool, store *postgres.Store) error {
		installed, err := store.Installed(ctx)
		switch {
		case err != nil:
			return err
		case !installed.Schema || !installed.Triggers:
			return degradedError{errors.New("not installed: changes show after cache.ttl_unlistened; run thumbedge migrate up")}
		}
		fact = "schema thumbedge and triggers are installed"
		return nil
	})
	return fact, err
}

// lookAtStorage stores a small picture under a key that no capture has, reads it
// back, and deletes it.
func lookAtStorage(ctx context.Context, file *config.File) (string, error) {
	storage, _, _, err := program.NewStorage(ctx, file, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	if closer, ok := storage.(io.Closer); ok {
		defer closer.Close()
	}
	var picture bytes.Buffer
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	img.SetGray(4, 4, color.Gray{Y: 200})
	if err := jpeg.Encode(&picture, img, nil); err != nil {
		return "", fmt.Errorf("making a picture: %w", err)
	}
	key := fmt.Sprintf("%scheck_%s.jpg", file.Storage.Prefix, rand.Text())
	if err := storage.Put(ctx, key, picture.Bytes()); err != nil {
		return "", fmt.Errorf("putting a file: %w", err)
	}
	defer func() {
		_ = storage.Delete(context.WithoutCancel(ctx), key) // a second delete, where the one below was not reached
	}()
	body, _, err := storage.Open(ctx, key)
	if err != nil {
		return "", fmt.Errorf("getting the file back: %w", err)
	}
	got, err := io.ReadAll(body)
	_ = body.Close()
	if err != nil || !bytes.Equal(got, picture.Bytes()) {
		return "", fmt.Errorf("getting the file back: %d bytes of %d came: %w", len(got), picture.Len(), err)
	}
	if err := storage.Delete(ctx, key); err != nil {
		return "", fmt.Errorf("deleting the file: %w", err)
	}
	url, _ := storage.AppendURL(nil, []byte(file.Storage.Prefix+"…"))
	return fmt.Sprintf("%s: put, get and delete work; browsers are sent to %s", file.Storage.Driver, url), nil
}

func lookAtListeners(_ context.Context, file *config.File) (string, error) {
	for _, address := range []struct{ key, value string }{
		{"server.listen", file.Server.Listen}, {"server.admin_listen", file.Server.Admin.Listen},
	} {
		l, err := net.Listen("tcp", address.value)
		if errors.Is(err, syscall.EADDRINUSE) && aliveAt(file.Server.Admin.Listen) {
			return fmt.Sprintf("%s is in use by a running thumbedge", address.value), nil
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", address.key, err)
		}
		_ = l.Close()
	}
	return fmt.Sprintf("%s and %s are free", file.Server.Listen, file.Server.Admin.Listen), nil
}

// aliveAt says whether a thumbedge's admin listener answers at address.
func aliveAt(address string) bool {
	client := &http.Client{Timeout: 2 * time.Second}
	response, err := client.Get("http://" + address + "/healthz")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return response.StatusCode == http.StatusOK && bytes.Contains(body, []byte(`"alive"`))
}
