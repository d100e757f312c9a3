package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	adviceOnHost = "The app has to be told the Host that browsers ask for: in nginx `proxy_set_header Host $host` " +
		"($http_host where the site has a port of its own), and upstream.preserve_host = true. " +
		"Where it is right as it is, add that host to rewrite.hosts"
	adviceOnScheme = "The app has to be told the scheme that browsers use: in nginx `proxy_set_header X-Forwarded-Proto $scheme`, " +
		"or `https` where TLS ends before nginx, and nginx's own address in server.trusted_proxies"
	adviceOnWay = "nginx, or the load balancer or CDN before it, still leads to the app, or to another thumbedge"
)

// judge tells what the two pages show.
func (v *via) judge() {
	written, served := v.routeURLs(v.written.body), v.routeURLs(v.served.body)
	rewritten := 0
	for place := range written {
		if _, left := served[place]; !left {
			rewritten++
		}
	}
	v.tell(v.through(rewritten))
	hosts, schemes := v.foreign(written)
	v.tell(foreignFinding("host", hosts, v.site.Host, adviceOnHost))
	v.tell(foreignFinding("scheme", schemes, v.site.Scheme, adviceOnScheme))
	fact := fmt.Sprintf("%d seen, %d of them rewritten to storage URLs", len(written), rewritten)
	switch {
	case len(written) == 0:
		v.tell(Finding{Part: "route URLs", Degraded: true, Fact: "0 seen: give the URL of a page with thumbnails; an app may also write storage URLs itself"})
	case rewritten == 0:
		v.tell(Finding{Part: "route URLs", Degraded: true, Fact: fact + ": none is warm yet, or it is another's (host, above). Open a gallery, then look again"})
	default:
		v.tell(Finding{Part: "route URLs", Fact: fact})
	}
}

// through says whether thumbedge had the page in its hands.
func (v *via) through(rewritten int) Finding {
	const part = "thumbedge"
	for _, line := range v.served.header.Values("Cache-Status") {
		if strings.Contains(line, "thumbedge") {
			return Finding{Part: part, Fact: "the page came through it (Cache-Status: " + line + ")"}
		}
	}
	switch {
	case rewritten > 0:
		return Finding{Part: part, Fact: "the page came through it: it has storage URLs where the app wrote route URLs"}
	case v.file.Server.DebugHeaders:
		return Finding{Part: part, Err: errors.New("the page did not come through it: it has no Cache-Status, and server.debug_headers is on. " + adviceOnWay)}
	}
	return Finding{Part: part, Degraded: true, Fact: "cannot be told: nothing is rewritten. With server.debug_headers = true it can. If it did not come through: " + adviceOnWay}
}

// foreign returns the authorities and the schemes of route URLs that are not the
// site's, each with how many route URLs have it.
func (v *via) foreign(written map[string]*url.URL) (hosts, schemes map[string]int) {
	hosts, schemes = map[string]int{}, map[string]int{}
	own := append([]string{v.site.Host}, v.file.Rewrite.Hosts...)
	if public, err := url.Parse(v.file.Server.PublicURL); err == nil && public.Host != "" {
		own = append(own, public.Host)
	}
	for _, u := range written {
		if u.Host == "" {
			continue // as relative as can be
		}
		if !slices.ContainsFunc(own, func(host string) bool { return sameAuthority(host, u) }) {
			hosts[u.Host]++
		}
		if u.Scheme != "" && u.Scheme != v.site.Scheme {
			schemes[u.Scheme]++
		}
	}
	return hosts, schemes
}

// sameAuthority compares host with a URL's, ports that are a scheme's default left out.
func sameAuthority(host string, u *url.URL) bool {
	bare := func(host string) string {
		return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(host), ":80"), ":443")
	}
	return bare(host) == bare(u.Host)
}

func foreignFinding(part string, found map[string]int, want, advice string) Finding {
	if len(found) == 0 {
		return Finding{Part: part, Fact: "route URLs have the site's, " + want}
	}
	var parts []string
	for name, n := range found {
		parts = append(parts, fmt.Sprintf("%d have %s", n, name))
	}
	slices.Sort(parts)
	return Finding{Part: part, Err: fmt.Errorf("of the route URLs %s, the site is %s. %s", strings.Join(parts, ", "), want, advice)}
}

// routeURLs finds the route URLs of a page, by their place in it.
func (v *via) routeURLs(body []byte) map[string]*url.URL {
	found := map[string]*url.URL{}
	var walk func(place string, inField bool, value any)
	walk = func(place string, inField bool, value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, member := range value {
				_, isObject := member.(map[string]any)
				walk(place+"/"+name, inField && !isObject || isObject && name == v.file.Rewrite.Field, member)
			}
		case []any:
			for i, element := range value {
				walk(place+"/"+strconv.Itoa(i), false, element)
			}
		case string:
			if u := v.routeURL(value); inField && u != nil {
				found[place] = u
			}
		}
	}
	var root any
	if json.Unmarshal(body, &root) == nil {
		walk("", false, root)
	}
	return found
}

// routeURL parses a route URL, of whatever authority; nil for anything else.
func (v *via) routeURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	id, ok := strings.CutPrefix(u.Path, v.file.Rewrite.Route)
	if _, err := strconv.ParseUint(strings.TrimSuffix(id, "/"), 10, 63); !ok || err != nil {
		return nil
	}
	return u
}
