package sampleapp

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
)

// Handler returns the app's whole site. Run it in an http.Server whose
// IdleTimeout is 2 s to have gunicorn's keep-alive too.
func (a *App) Handler() http.Handler {
	demo := http.NewServeMux()
	demo.HandleFunc("GET "+demoPath+"counters", a.serveCounters)
	demo.HandleFunc("GET "+demoPath+"thumbnails", a.serveThumbnails)
	demo.HandleFunc("GET "+demoPath+"config", a.serveConfig)
	if a.cfg.Cold != nil {
		demo.HandleFunc("POST "+demoPath+"cold", a.fromGallery(a.serveCold))
	}
	if a.cfg.Sharing != nil {
		demo.HandleFunc("POST "+demoPath+"sharing", a.fromGallery(a.serveSharing))
	}
	demo.Handle("GET "+demoPath+"assets/", assets())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.cfg.CORS && r.Header.Get("Origin") != "" {
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
		if strings.HasPrefix(r.URL.Path, demoPath) {
			demo.ServeHTTP(w, r)
			return
		}
		a.serve(w, r)
	})
}

// view returns what answers a path, and what its requests count as. The app's
// paths are matched as they are, as Django does: http.ServeMux would redirect
// some of them in ways of its own.
func (a *App) view(path string) (http.HandlerFunc, Kind) {
	rest, thumbnails := strings.CutPrefix(path, thumbnailsPath)
	if thumbnails && rest == "" {
		return a.thumbnailList, Page
	}
	if id, ok := strings.CutSuffix(rest, "/"); thumbnails && ok && !strings.Contains(id, "/") {
		return withID(a.thumbnail, id), Thumbnail
	}
	for _, views := range []struct {
		prefix string
		list   http.HandlerFunc
		detail func(http.ResponseWriter, *http.Request, string)
	}{{capturesPath, a.captureList, a.captureDetail}, {eventsPath, a.eventList, a.eventDetail}} {
		rest, ok := strings.CutPrefix(path, views.prefix)
		if !ok {
			continue
		}
		id, closed := strings.CutSuffix(rest, "/")
		switch {
		case rest == "":
			return views.list, Page
		case closed && !strings.Contains(id, "/"):
			return withID(views.detail, id), Page
		}
	}
	switch {
	case strings.HasPrefix(path, mediaPath):
		return a.serveMedia, Media
	case path == "/":
		return gallery, Other
	}
	return a.notFound, Other
}

func withID(view func(http.ResponseWriter, *http.Request, string), id string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { view(w, r, id) }
}

// serve counts a request, waits for a web worker, and has it answered.
func (a *App) serve(w http.ResponseWriter, r *http.Request) {
	view, kind := a.view(r.URL.Path)
	a.tally.arrived(kind, r.RequestURI)
	var worker int
	select {
	case worker = <-a.idle:
	case <-r.Context().Done(): // the client left the backlog
		a.tally.update(func(c *watched) { c.Waiting-- })
		return
	}
	served := a.tally.serves(worker, kind)
	defer func() {
		served()
		a.idle <- worker
	}()
	defer func() {
		if cause := recover(); cause != nil {
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			a.fail(w, r, fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
		}
	}()
	header := w.Header()
	header.Set("Server", "gunicorn")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Connection", "keep-alive")
	if a.preflight(w, r) {
		return
	}
	view(w, r)
}

// preflight answers a browser's question whether it may send a request, as
// django-cors-headers does, before any view.
func (a *App) preflight(w http.ResponseWriter, r *http.Request) bool {
	if !a.cfg.CORS || r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	w.Header().Set("Access-Control-Allow-Headers", "accept, authorization, content-type")
	w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, PATCH")
	w.Header().Set("Access-Control-Max-Age", "86400")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return true
}
