package drive

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/internal/history"
	"github.com/thumbedge/thumbedge/internal/overlay"
	"github.com/thumbedge/thumbedge/internal/testenv"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// replica is a place at which one process of thumbedge after another runs, with links of
// its own to everything.
type replica struct {
	*site
	place                    string // its name, to which each process adds a number
	url, admin               string
	queries, listen, storage *testenv.FaultyLink
	clock                    string      // file of the clock's offset
	away                     atomic.Bool // stopped, or being restarted: most clients go elsewhere

	mu      sync.Mutex
	started int
	name    string // of the process
	process *testenv.Process
}

// newReplica makes a place, with nothing at it yet.
func newReplica(s *site, number int) *replica {
	r := &replica{site: s, place: fmt.Sprintf("replica-%d", number), clock: filepath.Join(s.TempDir(), "clock")}
	r.url, r.admin = "http://"+testenv.FreeAddress(s), "http://"+testenv.FreeAddress(s)
	r.queries, r.listen = testenv.Toxiproxy(s, s.server.Addr()), testenv.Toxiproxy(s, s.server.Addr())
	r.storage = testenv.Toxiproxy(s, strings.TrimPrefix(s.files.server.URL, "http://"))
	return r
}

// labels are what thumbedge is told of them, in their order.
type labels []string

// usual are the labels that a process begins with.
var usual = labels{"small", "medium"}

func (l labels) specs(widths map[string]int) (specs thumb.Specs) {
	for _, label := range l {
		specs = append(specs, thumb.Spec{Label: label, Width: widths[label]})
	}
	return specs
}

// configure writes the configuration of a process.
func (r *replica) configure(name string, specs thumb.Specs, cache int64) (path string, err error) {
	file := config.Defaults()
	file.Server.Listen, file.Server.Admin.Listen = strings.TrimPrefix(r.url, "http://"), strings.TrimPrefix(r.admin, "http://")
	file.Upstream.URL = r.app.server.URL
	file.Server.PublicURL, file.Signing.Keys, file.Signing.Lifetime = publicURL, []string{signingKey}, 24*time.Hour
	file.Thumbnails, file.Cache.MaxSize, file.Responses.AnonymousPages = specs, cache, kept
	file.Database.URL = r.through(r.queries, name)
	file.Database.ListenURL = r.through(r.listen, name)
	file.Database.MaxConns = 8
	file.Storage.Driver, file.Storage.Bucket = config.DriverS3, r.files.bucket.Name
	file.Storage.Endpoint, file.Storage.Region, file.Storage.PathStyle = "http://"+r.storage.Address, r.files.bucket.Region, true
	file.Storage.AccessKey, file.Storage.SecretKey = r.files.bucket.AccessKey, r.files.bucket.SecretKey
	private := &file.Storage.Private
	private.Driver, private.Bucket, private.Location = config.DriverS3, r.files.secret.Name, location
	private.Endpoint, private.Region, private.PathStyle = file.Storage.Endpoint, r.files.secret.Region, true
	private.AccessKey, private.SecretKey = r.files.secret.AccessKey, r.files.secret.SecretKey
	file.Storage.PublicBaseURL = strings.TrimSuffix(r.files.base(), "/"+location)
	file.Storage.DeleteAfter, file.Cache.TTLUnlistened = deleteAfter, unlistened
	file.Source.AllowPrivateNetworks, file.Source.RetryAfter = true, time.Second
	file.Render.Workers, file.Render.MaxWait = 2, 6*time.Second
	file.Reconcile.Grace = grace
	file.Log.Access = false
	document, err := toml.Marshal(file.Tree())
	if err != nil {
		return "", err
	}
	path = filepath.Join(r.dir, name+".toml")
	return path, writeWhole(path, document)
}

// writeWhole writes a file that is read at any moment: the one before, or all of this one.
func writeWhole(path string, document []byte) error {
	if err := os.WriteFile(path+".new", document, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// through is the database's URL through a link, under the name of a process.
func (r *replica) through(link *testenv.FaultyLink, name string) string {
	u, _ := url.Parse(r.database) // made by testenv
	u.Host = link.Address
	query := u.Query()
	query.Set("application_name", name)
	u.RawQuery = query.Encode()
	return u.String()
}

// start starts the next process, and returns when it answers.
func (r *replica) start(widths map[string]int) error {
	r.mu.Lock()
	r.started++
	name := r.place + "." + strconv.Itoa(r.started)
	r.mu.Unlock()
	over := r.fault(history.Fault{Replica: r.place, What: "started anew", Kind: history.FaultHalt})
	defer over()
	path, err := r.configure(name, usual.specs(widths), usualCache)
	if err != nil {
		return err
	}
	r.runs(name, widths)
	cmd := exec.Command(r.binary, "serve", "--config", path)
	cmd.Env = append(os.Environ(), overlay.ClockVariable+"="+r.clock)
	process := testenv.Start(r, cmd)
	r.mu.Lock()
	r.name, r.process = name, process
	r.mu.Unlock()
	return r.await(process)
}

// await waits until the process answers.
func (r *replica) await(process *testenv.Process) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if response, err := http.Get(r.admin + "/healthz"); err == nil {
			_ = response.Body.Close()
			return nil
		}
		select {
		case <-process.Exited:
			return fmt.Errorf("%s ended while starting: %s", r.place, process.Log())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %s", r.place, process.Log())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// now returns the process that is at the place.
func (r *replica) present() (name string, process *testenv.Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name, r.process
}

// kill ends the process as SIGKILL does, and returns when it is gone.
func (r *replica) kill() {
	_, process := r.present()
	_ = process.Process.Kill() // it may have ended
	<-process.Exited
}

// signal stops the process, or has it continue.
func (r *replica) signal(signal syscall.Signal) {
	_, process := r.present()
	if err := process.Process.Signal(signal); err != nil {
		r.Errorf("sending %v to %s: %v", signal, r.place, err)
	}
}

// step sets the process's clock off by some seconds.
func (r *replica) step(seconds int) error {
	return os.WriteFile(r.clock, []byte(strconv.Itoa(seconds)), 0o600)
}
