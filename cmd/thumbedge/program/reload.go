package program

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/proxy"
)

// A reload puts a changed file in force while requests are served, all of it or nothing.
// Everything that can fail is made first, beside what is in force; then it is swapped in by
// steps that cannot fail. Each request is answered by one configuration, whenever the steps
// happen to come: the proxy's router, which it takes when its head is there, holds its own
// labels, and the warm set and the cold path know by them what a position means.

// reloads is what is known of the configuration in force, and of the last reload.
type reloads struct {
	mu         sync.Mutex // one reload at a time
	file       atomic.Pointer[config.File]
	generation atomic.Int64 // of the file: 1 is the one that the process began with
	last       atomic.Pointer[reloaded]
}

// reloaded is what a reload came to.
type reloaded struct {
	at  time.Time // when the file was taken
	err error     // nil: it is in force
}

// begin takes the file that the process begins with.
func (r *reloads) begin(file *config.File, registry prometheus.Registerer) {
	r.take(file)
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thumbedge_config_generation", Help: "How many configurations were in force since the process began: 1, and one more with each reload that succeeded.",
		}, func() float64 { return float64(r.generation.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thumbedge_config_last_reload_successful", Help: "0 when the last reload failed, and the configuration before it stayed in force; else 1.",
		}, func() float64 {
			if r.last.Load().err != nil {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thumbedge_config_last_reload_timestamp_seconds", Help: "When the configuration was last loaded, or failed to be, as Unix time.",
		}, func() float64 { return float64(r.last.Load().at.Unix()) }),
	)
}

// take says that a file is in force.
func (r *reloads) take(file *config.File) {
	r.file.Store(file)
	r.generation.Add(1)
	r.last.Store(&reloaded{at: time.Now()})
}

// state shows which configuration is in force, and why the last reload failed.
func (r *reloads) state() admin.Part {
	last := r.last.Load()
	at := last.at.UTC().Format(time.RFC3339)
	if last.err != nil {
		return admin.Part{Name: "configuration", State: degraded, Effect: fmt.Sprintf(
			"the reload at %s failed, and generation %d stays in force: %s", at, r.generation.Load(), oneLine(last.err))}
	}
	return admin.Part{Name: "configuration", State: ok, Effect: fmt.Sprintf("generation %d, since %s", r.generation.Load(), at)}
}

func oneLine(err error) string { return strings.Join(strings.Split(err.Error(), "\n"), "; ") }

// File returns the configuration in force, as its file has it.
func (p *Program) File() *config.File { return p.reloads.file.Load() }

// inForce is that configuration with what was set by hand since.
func (p *Program) inForce() *config.File {
	file := *p.File()
	file.Cache.MaxSize = p.warm.State().MaxSize
	return &file
}

var errNoFile = errors.New("this thumbedge was not started from a file")

// Reload reads the file again and puts it in force. On an error everything stays as it
// was, and the error says why.
func (p *Program) Reload() error {
	p.reloads.mu.Lock()
	defer p.reloads.mu.Unlock()
	next, changes, err := p.next()
	if err == nil {
		err = config.NeedsRestart(changes)
	}
	var apply func()
	if err == nil {
		apply, err = p.prepare(next)
	}
	if err != nil {
		p.reloads.last.Store(&reloaded{time.Now(), err})
		p.opts.Log.Error("configuration not reloaded: the one before stays in force", slog.String("error", oneLine(err)))
		return err
	}
	apply()
	p.reloads.take(next)
	p.opts.Log.Info("configuration reloaded", slog.Int64("generation", p.reloads.generation.Load()), slog.Any("changes", changes))
	return nil
}

// changes returns what a reload would change now, and why it would fail; nil: it would not.
func (p *Program) changes() (changes []admin.Change, err error) {
	p.reloads.mu.Lock()
	defer p.reloads.mu.Unlock()
	next, changes, err := p.next()
	if err == nil {
		err = config.NeedsRestart(changes)
	}
	if err == nil {
		_, err = p.prepare(next)
	}
	return changes, err
}

// next reads the file, and says what is another in it than what is in force. A value that
// was set by hand gives way only to one that was changed in the file.
func (p *Program) next() (*config.File, []admin.Change, error) {
	if p.opts.Load == nil {
		return nil, nil, errNoFile
	}
	next, err := p.opts.Load()
	if err != nil {
		return nil, nil, err
	}
	changes := p.inForce().Changes(next)
	for i := range changes {
		changes[i].Kept = changes[i].Key == "cache.max_size" && next.Cache.MaxSize == p.File().Cache.MaxSize
	}
	return next, changes, nil
}

// prepare makes the parts of a configuration that differs in nothing but what a reload
// changes. It returns what puts them in force.
func (p *Program) prepare(next *config.File) (apply func(), err error) {
	signer, useSigner, err := p.signer.prepare(next.Signing)
	if err != nil {
		return nil, err
	}
	reader, useReader, err := p.warm.Prepare(next.Resolver())
	if err != nil {
		return nil, err
	}
	view, useView, err := p.renderer.Prepare(next.Imaging())
	if err != nil {
		return nil, err
	}
	swap, err := p.proxy.Prepare(next.Proxy(), proxy.Changed{
		Resolver: p.resolving(reader), Renderer: p.rendering(view), Signer: signer,
	})
	if err != nil {
		return nil, err
	}
	return func() {
		useSigner()
		useReader()
		useView()
		swap()
		if p.opts.Level != nil {
			p.opts.Level.Set(next.Log.SlogLevel())
		}
	}, nil
}

// configuration is what the status page shows of it.
func (p *Program) configuration() []admin.Setting { return p.inForce().Masked() }
