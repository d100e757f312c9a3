package wire

import (
	"bytes"
	"hash/maphash"
	"net/netip"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
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
// word. Forwarded (RFC 7239) is read where there is no X-Forwarded-For.
func (r *Request) clientAddr() netip.Addr {
	c := r.client
	addr, _ := netip.ParseAddr(string(c.peer))
	if !c.trusted {
		return addr
	}
	list := r.readFacts().forwardedFor
	if len(list) == 0 && len(r.facts.forwarded) > 0 {
		list = hopsOfForwarded(r.facts.forwarded)
	}
	for len(list) > 0 {
		comma := bytes.LastIndexByte(list, ',')
		hop, ok := parseHop(string(bytes.TrimSpace(list[comma+1:])))
		if !ok {
			return addr
		}
		addr, list = hop, list[:max(0, comma)]
		if !c.now.peers.trust(addr) {
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

// hopsOfForwarded returns what the elements of Forwarded have after "for=", as
// X-Forwarded-For would. Commas and semicolons may stand in quotes, where a client's own
// Host can have put them: they separate nothing there.
func hopsOfForwarded(list []byte) (hops []byte) {
	var hop []byte
	quoted, start := false, 0
	for i := 0; i <= len(list); i++ {
		if i < len(list) {
			switch {
			case quoted && list[i] == '\\':
				i++
				continue
			case list[i] == '"':
				quoted = !quoted
				continue
			case quoted || list[i] != ',' && list[i] != ';':
				continue
			}
		}
		end := min(i, len(list))
		name, value, _ := bytes.Cut(bytes.TrimSpace(list[start:end]), []byte{'='})
		if field.Is(name, "for") {
			hop = bytes.Trim(value, `"`)
			if bytes.HasPrefix(hop, []byte{'['}) && bytes.HasSuffix(hop, []byte{']'}) {
				hop = hop[1 : len(hop)-1]
			}
		}
		if start = end + 1; end == len(list) || list[end] == ',' {
			hops, hop = joinList(hops, bytes.Clone(hop)), nil
		}
	}
	return hops
}
