package admin

import (
	"fmt"
	"net"
	"strings"
)

// Config says where the admin listener is, and who may use it ([server]).
type Config struct {
	Listen string `toml:"admin_listen"`
	// Token is the bearer token of all that is not asked by machines. It is needed
	// where Listen is not on loopback.
	Token string `toml:"admin_token,secret"`
}

// Defaults returns the configuration that an empty file stands for.
func Defaults() Config { return Config{Listen: "127.0.0.1:9090"} }

// Validate reports every problem, joined, each under its key.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "" {
		return fmt.Errorf(`server.admin_listen: must be host:port, such as "127.0.0.1:9090", not %q`, c.Listen)
	}
	if c.Token == "" && !c.onLoopback() {
		return fmt.Errorf("server.admin_token: is needed, since admin_listen %q is not on loopback", c.Listen)
	}
	return nil
}

// onLoopback says whether only this machine's own users reach the listener.
func (c Config) onLoopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && isLoopback(host)
}

// Setting is one key of the configuration file with its value in force, fit to be
// shown: it holds no secret.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// isLoopback says whether a host, a name or an address, is this machine's own.
func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
