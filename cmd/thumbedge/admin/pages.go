package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// pageFiles are the listener's pages. None asks for anything but this listener's own
// answers: style and script stand in the page.
//
//go:embed page
var pageFiles embed.FS

// pages makes the listener's HTML. html/template makes the program 8 MB larger (it finds
// methods by name, so the linker drops none): that what apps, hosts of originals and storages
// say is escaped by where it stands, without anybody thinking of it, counts for more.
type pages struct {
	templates *template.Template
	style     template.CSS
	script    template.JS // of the status page
	policy    string      // Content-Security-Policy
}

func newPages() pages {
	read := func(name string) string {
		text, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			panic(err) // it is built in
		}
		return string(text)
	}
	script := read("status.js")
	sum := sha256.Sum256([]byte(script))
	return pages{
		templates: template.Must(template.New("").Funcs(template.FuncMap{
			"clock": clock, "comma": humanize.Comma, "slug": slug, "words": words,
		}).ParseFS(pageFiles, "page/*.html")),
		style: template.CSS(read("style.css")), script: template.JS(script),
		policy: "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; " +
			"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	}
}

// page is what every page is made of; Body is its own.
type page struct {
	Style  template.CSS
	Script template.JS
	Token  string // of forms that change something
	Body   any
}

// write answers with a page.
func (s *Server) write(w http.ResponseWriter, status int, name string, body any) {
	var made bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&made, name, page{s.pages.style, s.pages.script, s.formToken, body}); err != nil {
		problem(w, http.StatusInternalServerError, "making the page: "+err.Error())
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	// With no-referrer browsers would hide the origin of the form, too.
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Content-Security-Policy", s.pages.policy)
	w.WriteHeader(status)
	_, _ = made.WriteTo(w) // the client has left
}

// wantsPage says whether a request is a browser's, that shows pages.
func wantsPage(r *http.Request) bool {
	switch r.URL.Query().Get("format") {
	case "json":
		return false
	case "html":
		return true
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// clock writes a moment for people, in the one time zone that all machines share.
func clock(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// words writes a label of a metric for people.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }
