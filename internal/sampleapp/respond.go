package sampleapp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const htmlType = "text/html; charset=utf-8"

// detail is the body of the framework's errors.
type detail struct {
	Detail string `json:"detail"`
}

var (
	errNotFound  = detail{"Not found."}
	errAnonymous = detail{"Authentication credentials were not provided."}
	errToken     = detail{"Invalid token."}
	errForbidden = detail{"You do not have permission to perform this action."}
)

// allowed answers a method that the view does not have, and OPTIONS, and says
// whether the view is to go on. Allow names the view's own methods.
func allowed(w http.ResponseWriter, r *http.Request, name string, methods ...string) bool {
	methods = append(methods, http.MethodHead, http.MethodOptions)
	w.Header().Set("Allow", strings.Join(methods, ", "))
	if r.Method == http.MethodOptions {
		writeJSON(w, http.StatusOK, struct {
			Name        string   `json:"name"`
			Description string   `json:"description"`
			Renders     []string `json:"renders"`
			Parses      []string `json:"parses"`
		}{name, "", []string{"application/json"}, []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}})
		return false
	}
	for _, method := range methods {
		if r.Method == method {
			return true
		}
	}
	writeJSON(w, http.StatusMethodNotAllowed, detail{fmt.Sprintf("Method %q not allowed.", r.Method)})
	return false
}

// writeJSON answers as the framework's JSON renderer: compact, nothing escaped
// for HTML, no newline at the end.
func writeJSON(w http.ResponseWriter, status int, body any) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // answered as 500 and logged by serve
	}
	text := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Token")
	}
	write(w, status, "application/json", text)
}

// write sends a whole response. That the client may be gone is no failure of the
// app's.
func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// redirect answers with a Location and no body.
func redirect(w http.ResponseWriter, status int, location string) {
	w.Header().Set("Location", location)
	write(w, status, htmlType, nil)
}

// fail answers 500 as Django does without DEBUG.
func (a *App) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		a.log.Error("sample app failed", "method", r.Method, "target", r.RequestURI, "error", err)
	}
	write(w, http.StatusInternalServerError, htmlType, []byte(page("Server Error (500)", "")))
}

// notFound answers what no view has: a redirect where only the closing slash is
// missing, and Django's plain page otherwise.
func (a *App) notFound(w http.ResponseWriter, r *http.Request) {
	_, kind := a.view(r.URL.Path + "/")
	if !strings.HasSuffix(r.URL.Path, "/") && (kind == Page || kind == Thumbnail) {
		target := r.URL.EscapedPath() + "/"
		if r.URL.RawQuery != "" {
			target += "?" + r.URL.RawQuery
		}
		redirect(w, http.StatusMovedPermanently, target)
		return
	}
	write(w, http.StatusNotFound, htmlType, []byte(page("Not Found", "<p>The requested resource was not found on this server.</p>")))
}

func page(title, text string) string {
	return "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>" + title + "</title>\n</head>\n<body>\n  <h1>" + title + "</h1>" + text + "\n</body>\n</html>\n"
}

// absolute returns the URL of a path on the site as the client named it: Host,
// and the scheme that the proxy in front says it was.
func absolute(r *http.Request, path string) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host + path
}
