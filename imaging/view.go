package imaging

import (
	"context"
	"slices"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// View is the cold path as one configuration has it: whoever asks by it counts positions by
// its labels, also when another configuration is in force. Its methods may be called from
// many goroutines. A label that is not configured any more is made to the end where it was
// begun, and kept; those who asked for it before have it.
type View struct {
	*Renderer
	config *Config
	by     *labelled
}

// labelled is what goes by the positions of the same labels: jobs and failures. It is
// compared by its address.
type labelled struct {
	specs           thumb.Specs
	public, private *failures // private is nil where there is no private storage
}

// newLabelled makes one of which nothing is known yet.
func newLabelled(cfg *Config, private bool) *labelled {
	l := &labelled{specs: cfg.Specs, public: newFailures(cfg.Source.RetryAfter, maxKept)}
	if private {
		l.public.maxKept -= maxKeptPrivate
		l.private = newFailures(cfg.Source.RetryAfter, maxKeptPrivate)
	}
	return l
}

// alike says whether these labels are rendered as others.
func (l *labelled) alike(specs thumb.Specs) bool {
	return slices.EqualFunc(l.specs, specs, func(a, b thumb.Spec) bool {
		return a.Label == b.Label && a.Width == b.Width && a.Height == b.Height
	})
}

// failures are both, or those that there are.
func (l *labelled) failures() []*failures {
	if l.private == nil {
		return []*failures{l.public}
	}
	return []*failures{l.public, l.private}
}

// View returns that of the configuration in force.
func (r *Renderer) View() *View { return r.view.Load() }

// cfg is the configuration in force.
func (r *Renderer) cfg() *Config { return r.View().config }

// Prepare makes the View of another configuration, and returns what puts that in force. It
// changes nothing itself. One configuration is prepared, and applied, at a time. Where
// originals come from and thumbnails are kept stays as it is. Where the labels are others,
// what is remembered of failures is forgotten.
func (r *Renderer) Prepare(cfg Config) (v *View, apply func(), err error) {
	if err := cfg.Validate(); err != nil {
		return nil, nil, err
	}
	now := r.View()
	cfg.Keys, cfg.PrivateKeys, cfg.Source, cfg.ReplacedConfig = now.config.Keys, now.config.PrivateKeys, now.config.Source, now.config.ReplacedConfig
	v = &View{Renderer: r, config: &cfg, by: now.by}
	if !now.by.alike(cfg.Specs) {
		v.by = newLabelled(&cfg, r.private != nil)
	}
	return v, func() { r.adopt(v) }, nil
}

// adopt puts a View's configuration in force.
func (r *Renderer) adopt(v *View) {
	before := r.view.Swap(v)
	r.bound(v.config)
	if before.by != v.by {
		for _, f := range before.by.failures() {
			f.retire()
		}
	}
}

// bound sets what all cold work together may take.
func (r *Renderer) bound(cfg *Config) {
	turns := cfg.Render.turns()
	r.turns.bound(turns, 0, turns-turns/4, nil)
	r.originals.bound(turns, cfg.originals(), 0, nil)
	r.renders.bound(cfg.Render.workers(), cfg.Render.Memory, 0, cfg.Render.busy(r.busy))
	r.jobs.bound(cfg.Render.captures())
	r.sources.AllowRoomWait(cfg.Render.MaxWait)
}

// Specs are the labels by which the View counts.
func (v *View) Specs() thumb.Specs { return v.config.Specs }

// Thumbnail is View.Thumbnail, by the labels in force when it is called. So do the methods
// below, each for itself.
func (r *Renderer) Thumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int) (Thumbnail, error) {
	return r.View().Thumbnail(ctx, client, id, position)
}

// PrivateThumbnail is the View's.
func (r *Renderer) PrivateThumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int, project int64) (Thumbnail, error) {
	return r.View().PrivateThumbnail(ctx, client, id, position, project)
}

// Failed is the View's.
func (r *Renderer) Failed(id thumb.ID, position int) bool { return r.View().Failed(id, position) }

// Prefetch is the View's.
func (r *Renderer) Prefetch(id thumb.ID, position int) { r.View().Prefetch(id, position) }

// AppFailed is the View's.
func (r *Renderer) AppFailed(id thumb.ID, position int, refused bool) {
	r.View().AppFailed(id, position, refused)
}
