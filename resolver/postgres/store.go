package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Store asks and tells the database everything but notifications. It keeps no
// state of a connection's (no prepared statement where a pooler is between, no
// session lock, no SET that outlives its transaction). Its methods may be called
// from many goroutines; each is one transaction, sent whole in one round trip, so
// that a replica that dies or stops holds no locks; it takes operationLimit at most,
// or database.page_timeout where that is longer, and wraps thumb.ErrDatabase around
// what went wrong.
type Store struct {
	*Table            // the app's table of thumbnail rows
	private *Table    // of draft projects; nil: there is no private storage
	tables  [3]string // the app's that have triggers, quoted

	mu        sync.Mutex
	installed Installed // as last seen
	noted     bool
}

// link is the way to the database.
type link struct {
	pool    *pgxpool.Pool
	log     *slog.Logger
	metrics *Metrics
	limit   time.Duration // of one operation
}

// operationLimit bounds every operation, whatever its caller allows: a page's wait
// is mostly shorter, a row that the app has locked may take this long.
const operationLimit = 5 * time.Second

// New makes a Store over pool, which stays its caller's to close. It connects to
// nothing.
func New(cfg Config, pool *pgxpool.Pool, log *slog.Logger, metrics *Metrics) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	metrics.pool.Store(pool)
	public, private := newTables(&cfg, &link{pool: pool, log: log, metrics: metrics, limit: max(operationLimit, cfg.PageTimeout)})
	s := &Store{Table: public, private: private, tables: cfg.Tables.triggered()}
	public.schema.look = s.lookForSchema
	if private != nil {
		private.schema.look = s.lookForPrivate
	}
	return s, nil
}

// replacer puts the names, quoted, in place of {capture}, {thumbnail} and so on, and files
// in place of {files}.
func (t *Tables) replacer(files string) *strings.Replacer {
	pairs := []string{"{files}", files}
	for _, table := range t.named() {
		pairs = append(pairs, "{"+table.key+"}", quote(table.name))
	}
	return strings.NewReplacer(pairs...)
}

// triggered returns the tables that the notify triggers belong on.
func (t *Tables) triggered() [3]string {
	return [3]string{quote(t.Thumbnail), quote(t.Capture), quote(t.Project)}
}

func quote(name string) string { return pgx.Identifier(strings.Split(name, ".")).Sanitize() }

// run does one operation on one connection: bounded, measured, its failure wrapped.
// Doing says what was being done, as in "reading captures".
func (l *link) run(ctx context.Context, operation, doing string, do func(context.Context, *pgxpool.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	start := time.Now()
	err := l.connected(ctx, operation, do)
	l.metrics.seconds.WithLabelValues(operation).Observe(time.Since(start).Seconds())
	switch {
	case err == nil || refused(err):
		return err
	case errors.Is(err, thumb.ErrInternal):
		return fmt.Errorf("%s: %w", doing, err)
	}
	l.metrics.failures.WithLabelValues(operation).Inc()
	return fmt.Errorf("%s: %w: %w", doing, thumb.ErrDatabase, err)
}

// connected lends do a connection of the pool, and takes it back whatever becomes
// of do. A panic, and an answer that cannot be read, are thumb.ErrInternal: the
// database is well. A connection that is left in the middle of an answer, or in a
// transaction, is closed by Release.
func (l *link) connected(ctx context.Context, operation string, do func(context.Context, *pgxpool.Conn) error) (err error) {
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	panics := l.metrics.panics.WithLabelValues(operation) // from the first time on, to be seen at 0
	defer func() {
		if cause := recover(); cause != nil {
			panics.Inc()
			l.log.Error("panic in an operation on the database", slog.String("operation", operation),
				slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("%w: panic: %v", thumb.ErrInternal, cause)
		}
	}()
	err = do(ctx, conn)
	var unread pgx.ScanArgError
	if errors.As(err, &unread) {
		return fmt.Errorf("%w: reading an answer: %w", thumb.ErrInternal, err)
	}
	return err
}

// unsynced, called in a statement, has its transaction not wait for the disk. What
// a crash of PostgreSQL may then forget is up to a second old; for a lease that is
// no worse than one that lapses. Nothing that says where a file lies uses it.
const unsynced = `set_config('synchronous_commit', 'off', true)`

// readable is the SQL for a time that may be null, and that is null where no Go
// program could read it: infinity, and what lies before or after the four-digit
// years. One such row would cost all the others of its query.
func readable(column string) string {
	column += "::timestamptz"
	return "CASE WHEN " + column + " BETWEEN '0002-01-01Z' AND '9998-12-31Z' THEN " + column + " END"
}

// nullable is a time as the database has it: zero is null.
func nullable(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// The SQLSTATEs that mean something here.
const (
	foreignKeyViolation  = "23503"
	readOnly             = "25006"
	noSuchSchema         = "3F000"
	serializationFailure = "40001" // where the role's default is stricter than read committed
	deadlockDetected     = "40P01"
	noSuchTable          = "42P01"
	noSuchFunction       = "42883"
	noPrivilege          = "42501"
	noArbiter            = "42P10" // ON CONFLICT names columns that no constraint is on
)

func hasCode(err error, codes ...string) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && slices.Contains(codes, refusal.Code)
}
