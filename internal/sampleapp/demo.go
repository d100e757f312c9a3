package sampleapp

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed web
var web embed.FS

// gallery answers / with the demo's page.
func gallery(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		write(w, http.StatusMethodNotAllowed, htmlType, nil)
		return
	}
	page, err := web.ReadFile("web/gallery.html")
	if err != nil {
		panic(err) // embedded; answered as 500 and logged by serve
	}
	w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src *; connect-src *")
	w.Header().Set("Cache-Control", "no-cache")
	write(w, http.StatusOK, htmlType, page)
}

// assets serves the page's style and script.
func assets() http.Handler {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // "web" is a valid path
	}
	server := http.StripPrefix(demoPath+"assets/", http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	})
}

// serveConfig tells the gallery where the app and thumbedge are.
func (a *App) serveConfig(w http.ResponseWriter, r *http.Request) {
	address := func(of func() string) string {
		if of == nil {
			return ""
		}
		return strings.TrimSuffix(of(), "/")
	}
	var labels []string
	for _, spec := range a.cfg.Specs {
		labels = append(labels, spec.Label)
	}
	var private *int64 // the draft project
	if err := a.pool.QueryRow(r.Context(), `SELECT min(id) FROM main_project WHERE draft`).Scan(&private); err != nil {
		a.fail(w, r, fmt.Errorf("looking for the draft project: %w", err))
		return
	}
	// A demo's log-in: whoever opens it may be any of them.
	people := map[string]string{"owner": OwnerToken, "member": MemberToken, "outsider": StrangerToken}
	told := map[string]any{"app": address(a.cfg.AppURL), "proxy": address(a.cfg.ProxyURL), "labels": labels, "private": private, "people": people, "cold": a.cfg.Cold != nil}
	if sharing := a.cfg.Sharing; sharing != nil {
		told["sharing"] = map[string]any{"period": sharing.Period().String(), "on": sharing.On()}
	}
	a.writeDemo(w, told)
}

// serveSharing turns sharing on or off, as the body says: "true" or "false".
func (a *App) serveSharing(w http.ResponseWriter, r *http.Request) {
	var on bool
	err := json.NewDecoder(io.LimitReader(r.Body, 16)).Decode(&on)
	if err == nil {
		err = a.cfg.Sharing.Set(on)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.writeDemo(w, a.cfg.Sharing.On())
}

// fromGallery lets requests of the gallery's own pages through, and no other site's.
func (a *App) fromGallery(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		own := []string{""}
		for _, of := range []func() string{a.cfg.AppURL, a.cfg.ProxyURL} {
			if of != nil {
				own = append(own, strings.TrimSuffix(of(), "/"))
			}
		}
		if !slices.Contains(own, r.Header.Get("Origin")) {
			writeJSON(w, http.StatusForbidden, errForbidden)
			return
		}
		next(w, r)
	}
}

// serveThumbnails says which thumbnail requests of a visit reached the app: those
// whose query has the visit's number, which the gallery adds to route URLs.
func (a *App) serveThumbnails(w http.ResponseWriter, r *http.Request) {
	visit := r.URL.Query().Get("visit")
	a.writeDemo(w, a.tally.thumbnails(func(target string) bool {
		u, err := url.ParseRequestURI(target)
		return err == nil && u.Query().Get("visit") == visit
	}))
}

// serveCounters answers with the counters: once as JSON, or, for a client that
// accepts an event stream, at every change until it leaves.
func (a *App) serveCounters(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		now, _ := a.tally.read()
		a.writeDemo(w, now)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	stream := http.NewResponseController(w)
	// Changes come in bursts, and an eye sees no more than this.
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for {
		now, changed := a.tally.read()
		text, err := json.Marshal(now)
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
		if stream.Flush() != nil {
			return
		}
		if !await(r.Context(), a.done, changed) || !await(r.Context(), a.done, pace.C) {
			return
		}
	}
}

// await waits for an event, and says whether to go on: not once the client or the
// app is gone.
func await[T any](ctx context.Context, closed <-chan struct{}, event <-chan T) bool {
	select {
	case <-event:
		return true
	case <-ctx.Done():
	case <-closed:
	}
	return false
}

func (a *App) writeDemo(w http.ResponseWriter, body any) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, body)
}
