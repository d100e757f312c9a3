package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// guard admits a request that bears the token. Without one it admits those of this
// machine's own users only: the listener must be on loopback (one that is on every
// address may stand behind a proxy on this machine), the Host must be a loopback one,
// and a request that changes something must come from the same origin.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.authorised(r):
		case !s.cfg.onLoopback():
			w.Header().Set("WWW-Authenticate", `Bearer realm="thumbedge"`)
			problem(w, http.StatusUnauthorized, "send server.admin_token as a bearer token")
			return
		case !loopbackHost(r.Host):
			problem(w, http.StatusForbidden, "the Host must be a loopback one, such as 127.0.0.1")
			return
		case changes(r) && !sameOrigin(r):
			problem(w, http.StatusForbidden, "a request from another origin may not change anything")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) authorised(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && s.cfg.Token != "" && sameSecret(token, s.cfg.Token)
}

// sameSecret compares in constant time. Hashes are of one length: the comparison
// tells nothing about the secret's.
func sameSecret(got, want string) bool {
	g, w := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1
}

func loopbackHost(authority string) bool {
	host := authority
	if h, _, err := net.SplitHostPort(authority); err == nil {
		host = h
	}
	return isLoopback(host)
}

func changes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
}

// sameOrigin goes by what every browser sends with a request that changes
// something; curl sends neither header, and is no browser.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}
