package wire

import (
	"bytes"
	"hash/maphash"
	"net/netip"
)

// ClientKey is a number by which requests of one client can be told from those of
// others: a hash, with a seed of this process, of the client's IPv4 address or of the
// /64 network of its IPv6 address. It is never 0.
func (r *Request) ClientKey() uint64 {
	addr := r.clientAddr()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits)
	return max(1, maphash.Comparable(r.client.s.seed, prefix))
}

// clientAddr is the peer's address or, where that is a trusted proxy's, the last one in
// its X-Forwarded-For that is no trusted proxy's: what stands before that is anybody's
// word.
func (r *Request) clientAddr() netip.Addr {
	c := r.client
	addr, _ := netip.ParseAddr(string(c.peer))
	if !c.trusted {
		return addr
	}
	for list := r.readFacts().forwardedFor; len(list) > 0; {
		comma := bytes.LastIndexByte(list, ',')
		hop, ok := parseHop(string(bytes.TrimSpace(list[comma+1:])))
		if !ok {
			return addr
		}
		addr, list = hop, list[:max(0, comma)]
		if !c.s.peers.trust(addr) {
			return addr
		}
	}
	return addr
}

// parseHop reads an address as it stands in X-Forwarded-For: some proxies add the port.
func parseHop(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return addr, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}
