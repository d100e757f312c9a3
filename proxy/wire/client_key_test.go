package wire

import (
	"hash/maphash"
	"net/netip"
	"testing"
)

// One client has one key, whatever it claims; only the word of trusted proxies about
// their clients counts.
func TestClientKey(t *testing.T) {
	t.Parallel()
	s := &Server{seed: maphash.MakeSeed()}
	now := &settings{peers: parsePeers([]string{"127.0.0.0/8", "10.0.0.0/8"})}
	key := func(peer, forwardedFor string) uint64 {
		c := &client{s: s, now: now, peer: []byte(peer), trusted: now.peers.trust(netip.MustParseAddr(peer))}
		c.req.client = c
		c.req.facts = facts{read: true, forwardedFor: []byte(forwardedFor)}
		return c.req.ClientKey()
	}
	for _, c := range []struct {
		name, peer, forwardedFor string
		client                   string // whose key it has
	}{
		{"alone", "203.0.113.7", "", "203.0.113.7"},
		{"not trusted", "203.0.113.7", "198.51.100.1", "203.0.113.7"},
		{"a trusted proxy's client", "127.0.0.1", "203.0.113.7", "203.0.113.7"},
		{"with its port", "127.0.0.1", "203.0.113.7:4711", "203.0.113.7"},
		{"with what the client made up", "127.0.0.1", "1.2.3.4, 203.0.113.7", "203.0.113.7"},
		{"behind two trusted proxies", "127.0.0.1", "1.2.3.4,203.0.113.7 , 10.1.2.3", "203.0.113.7"},
		{"trusted proxies alone", "127.0.0.1", "10.0.0.9, 10.1.2.3", "10.0.0.9"},
		{"a trusted proxy that says nothing", "127.0.0.1", "", "127.0.0.1"},
		{"a trusted proxy that does not know", "127.0.0.1", "203.0.113.7, unknown", "127.0.0.1"},
		{"an empty list", "127.0.0.1", " , ", "127.0.0.1"},
		{"one /64", "2001:db8:1:2::1", "", "2001:db8:1:2:ffff::9"},
		{"one /64 behind a proxy", "10.0.0.1", "[2001:db8:1:2::1]:80", "2001:db8:1:2::7"},
		{"IPv4 as IPv6", "127.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"},
	} {
		if key(c.peer, c.forwardedFor) != key(c.client, "") && !now.peers.trust(netip.MustParseAddr(c.client)) ||
			key(c.peer, c.forwardedFor) != key("127.0.0.1", c.client) {
			t.Errorf("%s: %s with X-Forwarded-For %q is not %s", c.name, c.peer, c.forwardedFor, c.client)
		}
	}
	forwarded := func(list string) uint64 {
		c := &client{s: s, now: now, peer: []byte("127.0.0.1"), trusted: true}
		c.req.client = c
		c.req.facts = facts{read: true, forwarded: []byte(list)}
		return c.req.ClientKey()
	}
	for list, client := range map[string]string{
		`for=203.0.113.7`: "203.0.113.7",
		`for=1.2.3.4, For="203.0.113.7:4711";proto=x`:                                                       "203.0.113.7",
		`for=1.2.3.4;by=5.6.7.8, by=9.9.9.9; for = x, proto=https;for="[2001:db8:1:2::1]:80", for=10.1.2.3`: "2001:db8:1:2::9",
		`for="[2001:db8:1:2::1]"`:                                   "2001:db8:1:2::9",
		`for=203.0.113.7;host="a, for=6.6.6.6; x\",for=6.6.6.6;\""`: "203.0.113.7", // the client's own Host
		`for=203.0.113.7, for=_hidden`:                              "127.0.0.1",
		`proto=https`:                                               "127.0.0.1",
		`for=203.0.113.7;host="unended, for=6.6.6.6`:                "203.0.113.7",
	} {
		if forwarded(list) != key("127.0.0.1", client) {
			t.Errorf("Forwarded: %s is not %s", list, client)
		}
	}
	keys := map[uint64]bool{0: true}
	for _, other := range []string{"203.0.113.7", "203.0.113.8", "2001:db8:1:2::1", "2001:db8:1:3::1", "10.0.0.1"} {
		keys[key(other, "")] = true
	}
	if len(keys) != 6 {
		t.Errorf("five clients have %d keys other than 0", len(keys)-1)
	}
}
