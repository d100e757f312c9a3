package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/spool"
)

const copyBuffer = 64 << 10 // bytes of an upload, or of a file, in hand at once

// Handler says what becomes of requests. Its methods are called from many goroutines.
type Handler interface {
	// Serve answers a request: by r.Own, or by r.Ask and then one of Pass and Replace.
	// A panic costs the client its connection, and nobody else anything.
	Serve(r *Request)
	// OwnAnswer completes r.Own before it is sent, whoever made it: it is called once
	// for every answer that is not the app's, the wire's own refusals and failures too.
	OwnAnswer(r *Request)
}

// Server serves clients. Its methods may be called from any goroutine.
type Server struct {
	settings  atomic.Pointer[settings]
	log       *slog.Logger
	metrics   *Metrics
	tracer    Tracer       // nil: nobody follows requests
	seed      maphash.Seed // of ClientKey
	pool      *pool
	loopID    string // by which CDN-Loop tells that a request has been here
	spool     *spool.Store
	readers   sync.Pool // *bufio.Reader of clientBuffer
	scratches sync.Pool // *scratch
	buffers   sync.Pool // *[]byte of copyBuffer
	later     sync.WaitGroup
	warned    atomic.Bool
	warnedTLS atomic.Int64  // Unix time
	upgrades  atomic.Int64  // requests for another protocol that are in hand
	linger    time.Duration // that an unread upload is listened to after its answer

	// ctx ends when Shutdown stops waiting for requests.
	ctx      context.Context
	cancel   context.CancelFunc
	draining atomic.Bool

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	clients   map[*client]struct{}
	none      chan struct{} // closed when draining and the last client has gone
}

// New returns a server that is ready to Serve. It refuses a configuration that does
// not pass Validate. Without a log nothing is logged, without a tracer nothing traced.
func New(cfg Config, handler Handler, log *slog.Logger, metrics *Metrics, tracer Tracer) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	pool, err := newPool(cfg.Upstream)
	if err != nil {
		return nil, err
	}
	s := &Server{
		log: log, metrics: metrics, tracer: tracer, seed: maphash.MakeSeed(), pool: pool,
		listeners: map[net.Listener]struct{}{}, clients: map[*client]struct{}{}, none: make(chan struct{}),
	}
	s.settings.Store(newSettings(cfg, handler))
	// Replicas have the same app, and know a loop by one another; a chain of proxies, each
	// the next one's client, is none.
	id := fnv.New32a()
	_, _ = id.Write([]byte(cfg.Upstream.URL))
	s.loopID = fmt.Sprintf("thumbedge-%08x", id.Sum32())
	if s.startSpool(&cfg.Upstream); s.spool != nil {
		metrics.spool.Store(s.spool)
	}
	s.linger = lingerTime
	s.readers.New = func() any { return bufio.NewReaderSize(nil, clientBuffer) }
	s.scratches.New = func() any { return new(scratch) }
	s.buffers.New = func() any { b := make([]byte, copyBuffer); return &b }
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// startSpool makes the store of bodies, and says what is wrong with its place.
func (s *Server) startSpool(cfg *UpstreamConfig) {
	if cfg.Spool {
		s.spool = spool.New(spool.Config{Memory: cfg.SpoolMemory, Disk: cfg.SpoolDisk, Max: cfg.SpoolMax, Dir: cfg.SpoolDir})
		if notice := s.spool.Notice(); notice != "" {
			s.log.Warn("bodies cannot be spooled to disk as they should be", slog.String("reason", notice))
		}
	}
}

// SpoolNotice says what is wrong with the place of spooled bodies now; "" where nothing
// is.
func (s *Server) SpoolNotice() string {
	if s.spool == nil {
		return ""
	}
	return s.spool.Notice()
}

// Serve accepts connections from ln, TCP or Unix, until Shutdown, and then returns
// nil. It closes ln.
func (s *Server) Serve(ln net.Listener) error {
	if !s.addListener(ln) {
		_ = ln.Close()
		return nil
	}
	defer s.removeListener(ln)
	for {
		conn, err := ln.Accept()
		if err == nil {
			s.accept(conn)
			continue
		}
		if s.draining.Load() {
			return nil
		}
		var network net.Error
		if errors.As(err, &network) && !errors.Is(err, net.ErrClosed) {
			// Out of descriptors, most likely: those in use will come free.
			s.log.Error("accepting a connection failed", logError(err))
			select {
			case <-time.After(50 * time.Millisecond):
			case <-s.ctx.Done():
			}
			continue
		}
		return fmt.Errorf("accepting a connection: %w", err)
	}
}

// accept starts serving a connection, or refuses it where max_conns are open.
func (s *Server) accept(conn net.Conn) {
	stream, ok := conn.(streamConn)
	if !ok {
		s.log.Error("connection is neither TCP nor Unix", slog.String("type", fmt.Sprintf("%T", conn)))
		_ = conn.Close()
		return
	}
	c, err := s.newClient(stream)
	if err != nil {
		_ = conn.Close()
		return
	}
	s.mu.Lock()
	full := len(s.clients) >= s.settings.Load().Server.MaxConns
	late := s.draining.Load()
	if !full && !late {
		s.clients[c] = struct{}{}
	}
	s.mu.Unlock()
	switch {
	case late:
		_ = conn.Close()
	case full:
		s.metrics.overLimit.Inc()
		// Nothing was read: the origin is not known.
		_, _ = conn.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n" +
			"Content-Length: 34\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" + `{"detail":"Too many connections."}`))
		_ = conn.Close()
	default:
		s.metrics.connections.Inc()
		go c.serve()
	}
}

func (s *Server) forget(c *client) {
	s.metrics.connections.Dec()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	if s.draining.Load() && len(s.clients) == 0 {
		s.signalNone()
	}
}

func (s *Server) signalNone() {
	select {
	case <-s.none:
	default:
		close(s.none)
	}
}

func (s *Server) addListener(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.listeners[ln] = struct{}{}
	return true
}

func (s *Server) removeListener(ln net.Listener) {
	_ = ln.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

// Draining says whether Shutdown was called.
func (s *Server) Draining() bool { return s.draining.Load() }

// Shutdown refuses new connections, lets requests in flight finish, and returns
// when none is left. A connection between two requests is kept for a moment: a
// request that is on its way is still answered, and told to come back on another
// connection. When ctx ends first, what is left is cut off and ctx's error returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining.Store(true)
	for ln := range s.listeners {
		_ = ln.Close()
	}
	for c := range s.clients {
		if c.idle.Load() {
			_ = c.SetReadDeadline(time.Now().Add(drainQuiet))
		}
	}
	if len(s.clients) == 0 {
		s.signalNone()
	}
	s.mu.Unlock()
	defer s.pool.close()
	defer s.later.Wait()
	defer s.cancel()
	select {
	case <-s.none:
		return nil
	case <-ctx.Done():
	}
	s.cancel()
	s.mu.Lock()
	for c := range s.clients {
		cut(c.streamConn)
		if app := c.app.Load(); app != nil {
			_ = app.streamConn.Close()
		}
	}
	s.mu.Unlock()
	select {
	case <-s.none:
	case <-time.After(lingerTime):
		s.log.Error("requests did not end when they were cut off")
	}
	return ctx.Err()
}
