package wire

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// tlsHandshake is the first byte of a connection that a client thinks is TLS.
const tlsHandshake = 0x16

// awaitHead waits for a request and returns its raw head, which stays in br. An
// error that is no rejection ends the connection without an answer.
func (c *client) awaitHead(first bool) ([]byte, error) {
	if err := c.awaitByte(first); err != nil {
		return nil, err
	}
	limit := c.now.Server.MaxHeader
	for timed := first; ; {
		buf, _ := c.br.Peek(c.br.Buffered())
		for bytes.HasPrefix(buf, []byte("\r\n")) { // RFC 9112 section 2.2
			_, _ = c.br.Discard(2)
			buf = buf[2:]
		}
		if len(buf) > 0 && buf[0] == tlsHandshake {
			return nil, rejectTLS
		}
		end := bytes.Index(buf, []byte("\r\n\r\n"))
		if end >= 0 && end+4 <= limit {
			return buf[:end+4], nil
		}
		if len(buf) >= limit || end >= 0 {
			if bytes.IndexByte(buf, '\n') < 0 {
				return nil, rejectTargetSize
			}
			return nil, rejectHeaderSize
		}
		if bareLineFeed(buf) {
			return nil, rejectLineEnd
		}
		if !timed {
			timed = true
			c.readBy(time.Now().Add(c.now.Server.HeaderTimeout))
		}
		if len(buf) == c.br.Size() {
			c.growReader(buf)
		}
		if _, err := c.br.Peek(len(buf) + 1); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && len(buf) > 0 {
				return nil, rejectTimeout
			}
			return nil, err
		}
	}
}

// awaitByte waits until something was read, holding no buffer meanwhile.
func (c *client) awaitByte(first bool) error {
	if c.br != nil {
		return nil // the client sent the next request along with the last one
	}
	now := time.Now()
	cfg := &c.now.Server
	c.idle.Store(true)
	switch {
	case first:
		c.readBy(now.Add(cfg.HeaderTimeout))
	case c.readUntil.Sub(now) < cfg.IdleTimeout*9/10 || c.readUntil.Sub(now) > cfg.IdleTimeout:
		c.readBy(now.Add(cfg.IdleTimeout))
	}
	if c.s.draining.Load() {
		c.readBy(now.Add(drainQuiet))
	}
	err := c.raw.Read(c.fill)
	if errors.Is(err, os.ErrDeadlineExceeded) && c.fillNow() {
		err = nil // a request came at that moment
	}
	c.idle.Store(false)
	if err != nil {
		return err
	}
	return c.fillErr
}

// fillNow reads what is there.
func (c *client) fillNow() (filled bool) {
	_ = c.raw.Control(func(fd uintptr) { filled = c.fillFrom(fd) })
	return filled
}

// fillFrom tries to read into a buffer from the pool, and returns it where nothing
// is there yet.
func (c *client) fillFrom(fd uintptr) bool {
	br := c.s.readers.Get().(*bufio.Reader)
	br.Reset(c)
	c.probing = int(fd) + 1
	_, err := br.Peek(1)
	c.probing = 0
	if err == unix.EAGAIN {
		c.s.readers.Put(br)
		return false
	}
	c.br, c.fillErr = br, err
	return true
}

// growReader exchanges the reader for one that holds the largest head allowed.
func (c *client) growReader(buffered []byte) {
	c.pending = bytes.Clone(buffered)
	c.s.readers.Put(c.br)
	c.br = bufio.NewReaderSize(c, c.now.Server.MaxHeader)
}

func (c *client) releaseReader() {
	if c.br != nil && c.br.Size() == clientBuffer {
		c.br.Reset(nil)
		c.s.readers.Put(c.br)
	}
	c.br = nil
}

func bareLineFeed(buf []byte) bool {
	for {
		i := bytes.IndexByte(buf, '\n')
		if i < 0 {
			return false
		}
		if i == 0 || buf[i-1] != '\r' {
			return true
		}
		buf = buf[i+1:]
	}
}
