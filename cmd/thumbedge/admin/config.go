package admin

import (
	"fmt"
	"net"
	"net/http"
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

// Change is a key whose value is another in the file than in what is in force. Both are fit
// to be shown: a secret's say only whether there is one.
type Change struct {
	Key     string `json:"key"`
	Old     string `json:"old"`
	New     string `json:"new"`
	Reloads bool   `json:"reloads"` // it changes while serving; otherwise it needs a restart
	Kept    bool   `json:"kept"`    // a reload leaves Old, which was set by hand: the file's did not change
}

// String returns the change as a line: key: old -> new (reload).
func (c Change) String() string {
	if c.Kept {
		return fmt.Sprintf("%s: stays %s, which was set by hand; the file says %s", c.Key, Written(c.Old), Written(c.New))
	}
	needs := "restart"
	if c.Reloads {
		needs = "reload"
	}
	if c.Old == c.New {
		return fmt.Sprintf("%s: changed (%s)", c.Key, needs)
	}
	return fmt.Sprintf("%s: %s -> %s (%s)", c.Key, Written(c.Old), Written(c.New), needs)
}

// Written is a value as a line shows it.
func Written(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

// Changes is what /config/changes tells.
type Changes struct {
	File    string   `json:"file"` // that a reload reads
	Changes []Change `json:"changes"`
	Error   string   `json:"error"` // why a reload would fail; "": it would not
}

func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string][]Setting{"config": s.deps.Config()})
}

func (s *Server) changes(w http.ResponseWriter, _ *http.Request) {
	changes, err := s.deps.Changes()
	told := Changes{File: s.deps.File, Changes: changes}
	if err != nil {
		told.Error = err.Error()
	}
	reply(w, http.StatusOK, told)
}

// isLoopback says whether a host, a name or an address, is this machine's own.
func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
