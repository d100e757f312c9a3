package source

import (
	"net/netip"
	"testing"
)

func TestReach(t *testing.T) {
	t.Parallel()
	for want, addresses := range map[reach][]string{
		public: {"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.167.1.1", "169.253.1.1",
			"2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"},
		private: {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.255.255.254", "100.64.0.1", "192.0.0.8",
			"198.18.0.1", "::1", "fc00::1", "fd12::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::808:808",
			"::127.0.0.1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:1::1", "fec0::1"},
		internal: {"169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200",
			"168.63.129.16", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::"},
		never: {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:0.0.0.0", "64:ff9b::224.0.0.1"},
	} {
		for _, address := range addresses {
			if got := reachOf(netip.MustParseAddr(address)); got != want {
				t.Errorf("%s: %d, want %d", address, got, want)
			}
		}
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	hosts := []string{"minio.internal", ".Example.org", "10.0.0.9"}
	for _, c := range []struct {
		private       bool
		host, address string
		open          bool
	}{
		{false, "a.org", "1.1.1.1:443", true},
		{false, "a.org", "10.0.0.1:443", false},
		{false, "a.org", "[::ffff:7f00:1]:80", false},
		{true, "a.org", "10.0.0.1:443", true},
		{true, "a.org", "127.0.0.1:443", true},
		{true, "a.org", "169.254.169.254:80", false},
		{true, "a.org", "[fd00:ec2::254]:80", false},
		{true, "a.org", "0.0.0.0:80", false},
		{false, "minio.internal", "10.0.0.1:9000", true},
		{false, "MINIO.internal.", "10.0.0.1:9000", true},
		{false, "minio.internal", "169.254.169.254:80", true},
		{false, "minio.internal", "0.0.0.0:80", false},
		{false, "10.0.0.9", "10.0.0.9:80", true},
		{false, "img.example.org", "10.0.0.1:80", true},
		// Look-alikes.
		{false, "example.org", "10.0.0.1:80", false},
		{false, "badexample.org", "10.0.0.1:80", false},
		{false, "example.org.evil.com", "10.0.0.1:80", false},
		{false, ".example.org", "10.0.0.1:80", false},
		{false, "minio.internal.evil.com", "10.0.0.1:80", false},
		{false, "xminio.internal", "10.0.0.1:80", false},
		{false, "a.minio.internal", "10.0.0.1:80", false},
		{false, "10.0.0.99", "10.0.0.99:80", false},
		{false, "a.org", "no address", false},
	} {
		g := newGuard(Config{AllowPrivateNetworks: c.private, AllowHosts: hosts})
		if err := g.check(c.host, c.address); (err == nil) != c.open {
			t.Errorf("private %t, %s at %s: %v, want open %t", c.private, c.host, c.address, err, c.open)
		}
	}
}

func TestBrowsable(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"photos.example.org": true, "EXAMPLE.ORG.": true, "8.8.8.8": true, "2606:4700::1111": true, "xn--bcher-kva.example": true,
		"": false, ".": false, "minio": false, "localhost": false, "a.localhost": false, "nas.local": false, "minio.internal": false, "x.home.arpa": false,
		"10.0.0.1": false, "127.0.0.1": false, "::1": false, "169.254.169.254": false, "0.0.0.0": false,
		"127.1": false, "0x7f.0.0.0x1": false, "2130706433": false, "0x7f000001": false, "127.0.0.01": false,
	} {
		if got := browsable(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}
