package wire

import (
	"net"
	"net/netip"
	"slices"
)

// peers are the networks whose word about their clients is believed.
type peers []netip.Prefix

// parsePeers reads prefixes that were validated.
func parsePeers(prefixes []string) (p peers) {
	for _, text := range prefixes {
		p = append(p, netip.MustParsePrefix(text))
	}
	return p
}

// of returns the text of a peer's address, and whether it is trusted. A peer by a
// Unix socket is on this machine, and trusted.
func (p peers) of(remote net.Addr) (text []byte, trusted bool) {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return []byte("127.0.0.1"), true
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	return addr.AppendTo(nil), p.trust(addr)
}

// trust says whether an address is in one of the networks.
func (p peers) trust(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}
