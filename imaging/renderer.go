// Package imaging is the cold path: it makes the thumbnails that are not there.
//
// The life of one cold thumbnail: a client asks for a label of a capture
// (Renderer.Thumbnail). What is known to fail is answered from memory (failures).
// Otherwise the request joins the job of that capture, or begins one (jobs). The
// job waits for its turn (gate), takes the lease, which keeps other replicas from
// the same work, and reads in the same statement what the capture's original is
// and which labels are missing (lease). It fetches the original once (imaging/source),
// reads its header, waits for a core and for the memory that the header says it takes,
// decodes once for all labels asked for by then, and lets go of the core (work). Each
// picture's key is recorded for deletion, its file is stored and confirmed, and only
// then is its row written (store). Everybody who waited gets the URL. Labels that were
// asked for after decoding began are made from the same bytes, in another decoding. A
// sweep deletes, later, files that no row names.
//
// An original that only the app may be able to render ends its job with
// thumb.ErrOriginalForApp. Who asked the app then says what came of it
// (Renderer.AppFailed), and a prefetch leaves it at that.
//
// What holds, whatever fails at whatever line:
//
//   - No row without its file: the file is confirmed before its row is written, and
//     its key, which is random and used once, was recorded for deletion before the
//     file was stored. A process that dies in between leaves a file that the sweep
//     finds; the sweep never deletes what a row names.
//   - The row's last_modified is the version that the lease's statement read, before
//     the original was fetched: one that is replaced meanwhile makes the row stale,
//     and the next request heals it.
//   - A job runs on its own goroutine and context. A client that leaves cancels
//     nobody; a panic, or a step that hangs, frees everybody who waits.
//   - Everything is bounded: captures in hand, those being worked on, bytes of
//     originals, renders, their memory, every wait (RenderConfig has the sum).
//   - No host of originals takes all of that: see gate for its share, jobs.makeRoom for
//     the queue, and imaging/source for hosts that do not answer.
//   - No client keeps another waiting behind all that it asks for: clients take turns at
//     each gate, and who has the most in the queue gives way when it is full.
package imaging

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/imaging/source"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Thumbnail is what became of a label.
type Thumbnail struct {
	// URL of the stored file and the moment it expires (zero: never). Empty when
	// the picture was made but could not be kept.
	URL     string
	Expires time.Time
	// Key of the file in private storage, where that gives no URLs: the proxy serves it.
	Key string
	// JPEG is the picture, when URL and Key are empty. Read only.
	JPEG []byte
}

// Private is what the cold path does drafts with.
type Private struct {
	Rows    PrivateRows
	Drafts  Drafts
	Storage Storage
	// MayDelete is asked as that of Deps is.
	MayDelete func(ctx context.Context) error
}

// Deps are the parts that the cold path works with.
type Deps struct {
	Database Database
	Storage  Storage
	// Private is where thumbnails of drafts lie; nil: there is no such place.
	Private *Private
	Buckets Buckets
	Log     *slog.Logger
	Metrics *Metrics
	// Stored is told of a capture after each row that was written, so that the
	// warm set forgets what it knew. It may be nil.
	Stored func(thumb.ID)
	// DialApp and AppTLS are source.Deps'. They may be nil.
	DialApp func(ctx context.Context, network, address string) (net.Conn, error)
	AppTLS  *tls.Config
	// MayDelete is asked before files are deleted: an error says why none may be, such
	// as that the storage is another site's. It may be nil.
	MayDelete func(ctx context.Context) error
	// Busy says whether clients just now ask for other things than thumbnails. Where
	// render.workers is 0, one core is left to those while it does. It may be nil.
	Busy func() bool
	// Tracer follows the jobs that recorded requests wait for; nil: nobody does.
	Tracer Tracer
	// Hook is called between the steps of a job, with the name of the step that is
	// over: "leased", "fetched", "rendered", "recorded", "stored", "upserted"; of a
	// sweep: "file claimed", "file deleted"; and of what follows a project that turned
	// draft or public: "draft claimed", "public rows removed", "private rows removed".
	// Tests stop or kill the process there. It may be nil.
	Hook func(step string)
}

// Renderer makes cold thumbnails. Its methods may be called from many goroutines.
type Renderer struct {
	view     atomic.Pointer[View] // of the configuration in force
	busy     func() bool
	database Database
	public   *shelf
	private  *shelf // nil: there is no private storage
	drafts   *drafts
	buckets  Buckets
	log      *slog.Logger
	metrics  *Metrics
	tracer   Tracer
	stored   func(thumb.ID)
	hook     func(step string)
	inspect  inspect

	sources *source.Fetcher
	jobs    *jobs
	lately  lately

	turns, originals, renders gate

	holder  string // the beginning of every lease token of this process
	stop    context.CancelCauseFunc
	sweeper sync.WaitGroup
	working sync.WaitGroup     // jobs' goroutines
	halt    context.CancelFunc // of the sweeper
}

// New makes a Renderer and starts its sweeper. The caller closes it.
func New(cfg Config, deps Deps) (*Renderer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	sources, err := source.New(cfg.Source, source.Deps{
		Storage: deps.Storage, Buckets: deps.Buckets, Conns: cfg.Render.turns(), RoomWait: cfg.Render.MaxWait, Log: deps.Log,
		DialApp: deps.DialApp, AppTLS: deps.AppTLS,
	})
	if err != nil {
		return nil, err
	}
	r := &Renderer{
		sources: sources, busy: deps.Busy, database: deps.Database, buckets: deps.Buckets,
		log: deps.Log, metrics: deps.Metrics, tracer: deps.Tracer, stored: deps.Stored, hook: deps.Hook,
		inspect:   inspectOriginal,
		turns:     gate{fair: true},
		originals: gate{fair: true},
		holder:    rand.Text(),
	}
	if r.stored == nil {
		r.stored = func(thumb.ID) {}
	}
	if r.hook == nil {
		r.hook = func(string) {}
	}
	r.view.Store(&View{r, &cfg, newLabelled(&cfg, deps.Private != nil)})
	r.newShelves(deps)
	r.lately.metrics = deps.Metrics
	lifetime, stop := context.WithCancelCause(context.Background())
	r.stop = stop
	r.jobs = newJobs(lifetime, r.launch, r.reorder, deps.Metrics, &r.lately)
	if r.tracer != nil {
		r.jobs.follow = r.follow
	}
	r.bound(&cfg)
	r.metrics.observe(r)
	sweeping, halt := context.WithCancel(context.Background())
	r.halt = halt
	for _, s := range r.shelves() {
		r.sweeper.Go(func() { r.sweep(sweeping, s) })
	}
	if deps.Private != nil {
		r.drafts = newDrafts(r, deps.Private)
		r.sweeper.Go(func() { r.drafts.tend(sweeping) })
	}
	return r, nil
}

// Thumbnail makes a label of a capture for a client, together with whoever else asks
// for that capture, and returns when it is there, when it has failed, or when ctx ends.
// Errors wrap one of thumb's.
func (v *View) Thumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int) (Thumbnail, error) {
	made, err := v.thumbnail(ctx, client, v.public, target{id: id, by: v.by}, position)
	v.metrics.thumbnails.WithLabelValues(outcomeOf(made, err)).Inc()
	return made, err
}

func (v *View) thumbnail(ctx context.Context, client thumb.Client, on *shelf, what target, position int) (Thumbnail, error) {
	if made, err, found := on.failures(v.by).recall(what.id, position); found {
		return made, err
	}
	o, err := v.jobs.join(ctx, what, on, position, client)
	if err != nil {
		v.lately.note(what.id, what.label(position), causeOfFailure(err), err)
		return Thumbnail{}, err
	}
	select {
	case <-o.done:
		return o.thumbnail, o.err
	case <-ctx.Done():
		return Thumbnail{}, fmt.Errorf("%w: waiting for the thumbnail: %w", thumb.ErrBusy, ctx.Err())
	}
}

// PrivateThumbnail does the same for a capture of a draft project, in private storage. A
// capture that is public by now is thumb.ErrPublic; one that is not that project's, or
// where there is no private storage, thumb.ErrNotPublic.
func (v *View) PrivateThumbnail(ctx context.Context, client thumb.Client, id thumb.ID, position int, project int64) (Thumbnail, error) {
	if v.Renderer.private == nil || project == 0 {
		return Thumbnail{}, fmt.Errorf("no private storage for capture %d: %w", id, thumb.ErrNotPublic)
	}
	made, err := v.thumbnail(ctx, client, v.Renderer.private, target{id, project, v.by}, position)
	v.metrics.private.WithLabelValues(outcomeOf(made, err)).Inc()
	return made, err
}

// PrivateReady says whether there is private storage, and it did not fail several times
// just now.
func (r *Renderer) PrivateReady() bool { return r.private != nil && r.private.breaker.mayBeAsked() }

// Failed says whether a label is remembered not to be had here: it cannot be rendered,
// only the app may render it, or its original cannot be fetched.
func (v *View) Failed(id thumb.ID, position int) bool {
	return v.by.private != nil && v.by.private.lasts(id, position)
}

// OriginalURL returns a URL at which anyone may fetch the original of a public
// capture for five minutes, or "" where there is none that a browser may be sent to.
// It costs one database statement.
func (r *Renderer) OriginalURL(ctx context.Context, id thumb.ID) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	work, err := r.database.Original(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading where the original lies: %w", err)
	}
	if !work.Capture.Public {
		return "", thumb.ErrNotPublic
	}
	return r.sources.BrowserURL(ctx, work.Original), nil
}

// Prefetch starts on a label before anybody asks for it, behind everything that
// somebody waits for. It returns at once, and does nothing where it would be in
// the way.
func (v *View) Prefetch(id thumb.ID, position int) {
	if _, _, found := v.by.public.recall(id, position); found {
		return
	}
	if _, err := v.jobs.join(context.Background(), target{id: id, by: v.by}, v.public, position, thumb.Nobody); err != nil {
		v.metrics.dropped.Inc()
	}
}

// AppFailed is told that the app was asked to render a label, since Thumbnail gave
// thumb.ErrOriginalForApp, and did not: because it refuses this original, which is
// remembered until the capture changes, or because it failed, which is remembered for
// source.retry_after.
func (v *View) AppFailed(id thumb.ID, position int, refused bool) {
	v.by.public.rememberApp(id, position, refused)
	err := errAppFailed
	if refused {
		err = errAppRefused
	}
	v.lately.note(id, v.by.specs[position].Label, CauseApp, err)
}

// Changed heeds notifications that name captures: remembered failures are looked
// at again, and jobs that wait for another replica look whether it is finished.
func (r *Renderer) Changed(ids []thumb.ID) {
	for _, f := range r.View().by.failures() {
		for _, id := range ids {
			f.changed(id)
		}
	}
	r.jobs.wake(ids)
	if r.drafts != nil {
		r.drafts.changed(ids)
	}
}

// ChangedAll heeds a notification that names no capture, and a time in which
// notifications may have been missed.
func (r *Renderer) ChangedAll() {
	for _, f := range r.View().by.failures() {
		f.changedAll()
	}
	r.jobs.wakeAll()
	if r.drafts != nil {
		r.drafts.look()
	}
}

// Close refuses new work, drops prefetches, waits for the jobs in hand, and stops
// the sweeper. When ctx ends first, the jobs are cancelled, and given two more
// seconds to let go of their leases.
func (r *Renderer) Close(ctx context.Context) error {
	r.jobs.close()
	r.halt()
	finished := make(chan struct{})
	go func() {
		r.working.Wait()
		r.sweeper.Wait()
		close(finished)
	}()
	defer r.sources.Close()
	defer r.stop(errClosed)
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
	}
	r.stop(errClosed)
	patience := time.NewTimer(2 * time.Second)
	defer patience.Stop()
	select {
	case <-finished:
		return nil
	case <-patience.C:
		return fmt.Errorf("closing the cold path: %w", ctx.Err())
	}
}
