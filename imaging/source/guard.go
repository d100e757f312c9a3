package source

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// guard says to which addresses a capture's original may send the proxy. A capture
// names its own host, so anyone who may edit one could otherwise read what only
// this machine can reach. The guard looks at the address that a connection is about
// to be made to, after the name was resolved: what a name looked like, or resolved
// to a moment ago, means nothing.
type guard struct {
	private bool     // private and loopback addresses are open
	hosts   []string // source.allow_hosts, in lower case
	// resolver resolves names; nil: the machine's own.
	resolver *net.Resolver
}

func newGuard(cfg Config) guard {
	g := guard{private: cfg.AllowPrivateNetworks}
	for _, host := range cfg.AllowHosts {
		g.hosts = append(g.hosts, canonicalHost(host))
	}
	return g
}

// reach is how far into the network around us an address lies.
type reach uint8

const (
	public   reach = iota // anybody's
	private               // private or loopback: open with allow_private_networks
	internal              // link-local, metadata services: open to allow_hosts only
	never                 // unspecified, multicast, reserved
)

var privatePrefixes = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10",
	"192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"::1/128", "fc00::/7", "fec0::/10", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20")

// The metadata services of clouds, where they are not link-local anyway: Alibaba's,
// Azure's, Oracle's, Amazon's and Google's.
var internalPrefixes = prefixes("169.254.0.0/16", "fe80::/10",
	"100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd20:ce::254/128")

var neverPrefixes = prefixes("0.0.0.0/8", "224.0.0.0/3", "::/128", "ff00::/8")

func prefixes(texts ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}

// reachOf judges an address. One that carries an IPv4 address inside (mapped,
// NAT64, 6to4, IPv4-compatible) is judged by that.
func reachOf(address netip.Addr) reach {
	address = embedded(address.Unmap().WithZone(""))
	in := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(address) })
	}
	switch {
	case !address.IsValid(), in(neverPrefixes):
		return never
	case in(internalPrefixes):
		return internal
	case in(privatePrefixes):
		return private
	}
	return public
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	compatible = netip.MustParsePrefix("::/96")
)

func embedded(address netip.Addr) netip.Addr {
	if !address.Is6() || address.IsLoopback() || address.IsUnspecified() {
		return address
	}
	b := address.As16()
	switch {
	case nat64.Contains(address), compatible.Contains(address):
		return netip.AddrFrom4([4]byte(b[12:]))
	case sixToFour.Contains(address):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return address
}

// check refuses an address that host must not be at. Errors wrap thumb.ErrForbidden.
func (g *guard) check(host, address string) error {
	resolved, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q: %w", thumb.ErrForbidden, address, err)
	}
	switch reachOf(resolved.Addr()) {
	case public:
		return nil
	case private:
		if g.private || g.allowed(host) {
			return nil
		}
		return fmt.Errorf("%w: host %q is at a private address, see source.allow_private_networks and source.allow_hosts", thumb.ErrForbidden, host)
	case internal:
		if g.allowed(host) {
			return nil
		}
		return fmt.Errorf("%w: host %q is at a link-local or metadata address, see source.allow_hosts", thumb.ErrForbidden, host)
	}
	return fmt.Errorf("%w: host %q is at an address that is no host's", thumb.ErrForbidden, host)
}

// allowed says whether host is listed: itself, or as a sub-domain of an entry that
// begins with a dot.
func (g *guard) allowed(host string) bool {
	host = canonicalHost(host)
	return slices.ContainsFunc(g.hosts, func(entry string) bool {
		if entry[0] == '.' {
			return len(host) > len(entry) && strings.HasSuffix(host, entry)
		}
		return host == entry
	})
}

func canonicalHost(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// dial connects to a host as the guard allows.
func (g *guard) dial(timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		dialer := net.Dialer{Timeout: timeout, Resolver: g.resolver, ControlContext: func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			return g.check(host, resolved)
		}}
		return dialer.DialContext(ctx, network, address)
	}
}

// browsable says whether a browser anywhere may be sent to host: by its looks, for
// nothing is resolved here. An address must be public; a name must have a dot, and
// not be one of those that only local networks know.
func browsable(host string) bool {
	host = canonicalHost(host)
	if address, err := netip.ParseAddr(host); err == nil {
		return reachOf(address) == public
	}
	top := host[strings.LastIndexByte(host, '.')+1:]
	if top == host || top == "" || strings.Trim(top, "0123456789") == "" || strings.HasPrefix(top, "0x") {
		return false // a bare name, or an address in disguise
	}
	return !slices.Contains([]string{"localhost", "local", "internal", "lan", "home", "corp", "private", "intranet", "localdomain"}, top) &&
		!strings.HasSuffix(host, ".home.arpa")
}
