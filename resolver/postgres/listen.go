package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The pace of the listener. A link that dies without a word is noticed after
// silence at the latest.
const (
	beat    = 500 * time.Millisecond // between heartbeats
	silence = 2 * time.Second        // without an answer: the connection is given up
	late    = time.Second            // a heartbeat that took longer proves nothing
	// Between attempts to connect: from the first to the last, at random up to it.
	firstRetry, lastRetry = 50 * time.Millisecond, time.Second
)

const (
	channel    = "thumbedge" // on which the triggers notify
	everything = "*"         // their payload where ids would be too many
)

// Listen tells sink of every change that the triggers notify of, until ctx ends;
// it returns nil then. It keeps one connection of its own, to cfg.ListenURL where
// that is set, and makes another when that ends. An error is a fault of cfg.
//
// Every half second it sends itself a notification. PostgreSQL delivers those in
// the order of commits, so the one that came back shows that all before it have
// been told, and that both directions of the link live.
func Listen(ctx context.Context, cfg Config, sink Sink, log *slog.Logger, metrics *Metrics) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	l := listener{sink: sink, log: log, metrics: metrics, tables: cfg.Tables.triggered(), own: channel + "_" + rand.Text()}
	url := cfg.ListenURL
	if url == "" {
		url = cfg.URL
	}
	failing := false
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		err := l.connection(ctx, url)
		if l.told {
			retry, failing = firstRetry, false
		}
		l.lost()
		if ctx.Err() != nil {
			return nil
		}
		if !failing {
			log.Warn("notifications interrupted", "error", err)
			failing = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retry/2 + mathrand.N(retry/2)):
		}
	}
}

// listener is the state of Listen.
type listener struct {
	sink    Sink
	log     *slog.Logger
	metrics *Metrics
	tables  [3]string // those that have triggers, quoted
	own     string    // this process's channel, for heartbeats

	told     bool   // sink was told Listening, and not Lost since
	triggers string // what identifies the triggers that are there; "" without all
	sent     time.Time
	back     bool // the heartbeat sent last came back
	heard    bool // and sink was told, or not to be told
	one      [1]thumb.ID
}

// connection listens on one connection until that ends.
func (l *listener) connection(ctx context.Context, url string) error {
	l.triggers = ""
	l.metrics.connects.Inc()
	cfg, err := pgconn.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("reading database.listen_url: %w", err)
	}
	cfg.ConnectTimeout = silence
	cfg.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { l.deliver(n) }
	opening, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	conn, err := pgconn.ConnectConfig(opening, cfg)
	if err != nil {
		return fmt.Errorf("connecting for notifications: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 100*time.Millisecond)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if err := l.prepare(opening, conn); err != nil {
		return err
	}
	for {
		if err := l.heartbeat(ctx, conn); err != nil {
			return err
		}
		if err := l.await(ctx, conn); err != nil {
			return err
		}
	}
}

// prepare makes sure that the connection is a direct one, and listens. Behind a
// pooler each statement may run on another server connection: LISTEN would listen
// on one, and heartbeats could come back although nothing else does. A server that
// hears nothing from us lets go of the connection soon: one that listens and never
// reads would have the queue of notifications fill up.
func (l *listener) prepare(ctx context.Context, conn *pgconn.PgConn) error {
	result := conn.ExecParams(ctx, `SELECT pg_backend_pid()`, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return fmt.Errorf("asking for the server's process: %w", result.Err)
	}
	if string(result.Rows[0][0]) != strconv.FormatUint(uint64(conn.PID()), 10) {
		return errors.New("a pooler is between: database.listen_url must lead to PostgreSQL itself")
	}
	_, err := conn.Exec(ctx, `SET application_name = 'thumbedge listener'; SET tcp_keepalives_idle = 10;
		SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = '25s';
		LISTEN `+channel+`; LISTEN "`+l.own+`"`).ReadAll()
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	return nil
}

// heartbeat sends a notification to ourselves, and looks at the triggers in the
// same statement: without them silence would not mean that nothing changed.
func (l *listener) heartbeat(ctx context.Context, conn *pgconn.PgConn) error {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	l.sent, l.back, l.heard = time.Now(), false, false
	var arguments [][]byte
	for _, table := range l.tables {
		arguments = append(arguments, []byte(table))
	}
	// Dropping, disabling and making a trigger each change oid or xmin.
	result := conn.ExecParams(ctx, `
		SELECT CASE WHEN count(*) = 6 THEN string_agg(t.oid || ' ' || t.xmin, ',' ORDER BY t.oid) ELSE '' END,
			pg_notify($4, '') `+fromTriggers,
		append(arguments, []byte(l.own)), nil, nil, nil).Read()
	if result.Err != nil {
		return fmt.Errorf("sending a heartbeat: %w", result.Err)
	}
	l.compareTriggers(string(result.Rows[0][0]))
	return nil
}

// compareTriggers has sink told where the triggers are others than before.
func (l *listener) compareTriggers(now string) {
	if now == l.triggers {
		return
	}
	before := l.triggers
	l.triggers = now
	if before != "" {
		l.lost() // a change may have gone untold
	}
	if now != "" {
		l.told = true
		l.metrics.listening.Set(1)
		l.log.Info("notifications are coming in")
		l.sink.Listening()
	}
}

func (l *listener) lost() {
	if l.told {
		l.told = false
		l.metrics.listening.Set(0)
		l.sink.Lost()
	}
}

// await takes notifications until the next heartbeat is due. The heartbeat sent
// last has to come back within silence.
func (l *listener) await(ctx context.Context, conn *pgconn.PgConn) error {
	for {
		until := l.sent.Add(silence)
		if l.back {
			l.tellHeard()
			until = l.sent.Add(beat)
		}
		waiting, cancel := context.WithDeadline(ctx, until)
		err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && conn.IsClosed():
			return fmt.Errorf("waiting for notifications: %w", err)
		case err != nil && !l.back:
			return errors.New("a heartbeat did not come back")
		case err != nil:
			return nil
		}
	}
}

// tellHeard tells, once, of a heartbeat that came back in time.
func (l *listener) tellHeard() {
	if l.heard {
		return
	}
	l.heard = true
	took := time.Since(l.sent)
	l.metrics.roundTrip.Observe(took.Seconds())
	if l.told && took < late {
		l.sink.Heard()
	}
}

// deliver tells sink of a notification, as it is read.
func (l *listener) deliver(n *pgconn.Notification) {
	switch {
	case n.Channel == l.own:
		l.back = true
		l.metrics.notifications.WithLabelValues("heartbeat").Inc()
	case n.Channel != channel:
	default:
		if id, ok := thumb.ParseID(n.Payload); ok {
			l.metrics.notifications.WithLabelValues("capture").Inc()
			l.one[0] = id
			l.sink.Changed(l.one[:])
			return
		}
		// The payload is everything's, or nothing that we know: to be safe, the same.
		l.metrics.notifications.WithLabelValues("everything").Inc()
		l.sink.ChangedAll()
	}
}
