package proxy

import "github.com/thumbedge/thumbedge/proxy/wire"

// OwnAnswer sets what every answer of our own carries, whoever made it: no browser
// guesses its type, and the pages of server.cors_origins may read it.
func (rt *router) OwnAnswer(r *wire.Request) {
	rt.takeSignature(r) // of a request that was refused before it came to Serve
	rt.errorPage.show(r)
	h := &r.Own().Header
	h.Set("X-Content-Type-Options", "nosniff")
	if len(rt.origins) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	origin := r.Origin()
	if len(origin) == 0 {
		return
	}
	for _, allowed := range rt.origins {
		if allowed == "*" || allowed == string(origin) {
			h.SetBytesV("Access-Control-Allow-Origin", origin)
			return
		}
	}
}
